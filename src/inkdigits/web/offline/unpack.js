/**
 * What lies gzipped in the folder: ONNX Runtime's WebAssembly, a quarter of its size.
 *
 * In: bytes as a host sends them. Out: the file's own. Some hosts announce a .gz file as a compressed
 * answer; the browser has unpacked it then.
 */

const [FIRST, SECOND] = [0x1f, 0x8b]; // of every gzip file. Source: RFC 1952

export async function unpacked(bytes) {
  const [first, second] = new Uint8Array(bytes);
  if (first !== FIRST || second !== SECOND) return bytes;
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}
