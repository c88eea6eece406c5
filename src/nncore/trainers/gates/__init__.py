"""Gates: circuits of scalar expressions, their derivatives, and steps along them."""
