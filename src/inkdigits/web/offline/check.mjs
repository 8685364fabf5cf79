/**
 * Read digit arrays with an exported folder's own reader, in Node: `node check.mjs FOLDER`.
 *
 * In: float32 arrays of 784 values on stdin. Out: ten float32 probabilities for each on stdout.
 */

import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { pathToFileURL } from "node:url";

const N_PIXELS = 784;
const folder = new URL(`${pathToFileURL(process.argv[2])}/`);
const module = (path) => import(new URL(path, folder));
const file = (path) => readFile(new URL(path, folder));

const modules = ["onnxruntime/ort.js", "reading/reader.js", "offline/unpack.js"];
const [ort, { Reader }, { unpacked }] = await Promise.all(modules.map(module));
const names = ["model.onnx", "finder.onnx", "closeup.onnx", "onnxruntime/ort-wasm-simd-threaded.wasm.gz", "model.json"];
const [model, finder, closeUp, packed, about] = await Promise.all(names.map(file));
const runtime = await unpacked(packed);
const reader = await Reader.load({ ort, runtime, model, finder, closeUp, about: JSON.parse(about) });
const given = await buffer(process.stdin);
const values = new Float32Array(given.buffer.slice(given.byteOffset, given.byteOffset + given.byteLength));
const arrays = Array.from({ length: values.length / N_PIXELS }, (_, i) => values.subarray(i * N_PIXELS, (i + 1) * N_PIXELS));
for (const row of await reader.probabilities(arrays)) process.stdout.write(new Uint8Array(row.buffer));
