/** What of ONNX Runtime is used; the export writes the module itself. */
export const env: any;
export const InferenceSession: any;
export const Tensor: any;
