"""Model files: safetensors with a JSON header, read as untrusted, written atomically."""
