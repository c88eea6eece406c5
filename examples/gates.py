"""A circuit of gates over real values: its derivatives, and steps that increase its value.

python examples/gates.py
"""

from nncore.trainers.gates.gates import climb, exp, inputs


def main() -> None:
    """Run the multiplication gate of the tutorial, then a circuit whose value has a maximum."""
    x, y = inputs("x y")
    f = x * y
    print(f"f = {f}, at x = 3 and y = -4: {f.value(x=3, y=-4):g}")
    for name, gradient in {
        "numerical": f.numerical_gradient(x=3, y=-4, h=0.0001),
        "analytic": f.gradient(x=3, y=-4),
    }.items():
        print(f"{name} derivatives: by x {gradient['x']:.6g}, by y {gradient['y']:.6g}")
    way = climb(f, {"x": 3, "y": -4}, step_size=0.01)
    print(f"one step: {way.values[0]:g} -> {way.values[1]:g}")

    hill = exp(-(x - 1) * (x - 1) - (y + 2) * (y + 2))
    way = climb(hill, {"x": 0, "y": -1}, step_size=0.5, steps=50)
    print(f"\nhill = {hill}\nfrom {way.values[0]:.4f} to {way.values[-1]:.4f}", end=" ")
    print(f"at x = {way.inputs['x'][-1]:.4f}, y = {way.inputs['y'][-1]:.4f}")


if __name__ == "__main__":
    main()
