/**
 * The reader's own thread, so that the page can draw while it works.
 *
 * In: messages { id, question, picture }, question "model", "array" or "saliency"; { id } alone: nobody
 * waits for it any more. Out: { id, answer } as /v1/model and /v1/predict give them, or { id, error }, the
 * words, and whether the picture is at fault.
 */

import * as ort from "../onnxruntime/ort.js";
import { occlusion } from "./explain.js";
import { decoded } from "./picture/decode.js";
import { PictureError } from "./picture/errors.js";
import { SIDE } from "./picture/place.js";
import { Reader } from "./reader.js";

const wanted = new Set();
let loading = null; // what `load` gives, or will

/** The reader; one that could not be loaded is tried again by the next who asks. */
function loaded() {
  loading ??= load().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function load() {
  const [about, model, runtime] = await Promise.all([
    fetched("../model.json", "json"),
    fetched("../model.onnx", "arrayBuffer"),
    fetched("../onnxruntime/ort-wasm-simd-threaded.wasm", "arrayBuffer"),
  ]);
  return { about, reader: await Reader.load({ ort, runtime, model, accept: about.accept }) };
}

async function fetched(path, as) {
  const answer = await fetch(new URL(path, import.meta.url));
  if (!answer.ok) throw new Error(`${answer.url}: the host answers ${answer.status}`);
  return answer[as]();
}

self.addEventListener("message", async ({ data: { id, question, picture } }) => {
  if (!question) {
    wanted.delete(id);
    return;
  }
  wanted.add(id);
  try {
    const answer = await answered(question, picture, () => wanted.has(id));
    self.postMessage({ id, answer });
  } catch (error) {
    self.postMessage({ id, error: error.message, isPictures: error instanceof PictureError });
  }
  wanted.delete(id);
});

async function answered(question, picture, isWanted) {
  const { about, reader } = await loaded();
  if (question === "model") return about;
  const pixels = await decoded(picture);
  const { seen, reading } = await reader.look(pixels).finally(pixels.close);
  if (question === "array") return { ...reading, array: inRows(seen.array) };
  return { ...reading, saliency: inRows(await occlusion(reader, seen.array, reading.digit, isWanted)) };
}

/** 28 rows of 28 numbers; none of null. */
function inRows(values) {
  return values && Array.from({ length: SIDE }, (_, y) => [...values.slice(y * SIDE, (y + 1) * SIDE)]);
}
