"""Pictures in, digits and numbers out. Runs on ONNX Runtime; imports no training framework."""
