"""A trained network in the formats people use: onnx, keras (.keras and .h5)."""
