/**
 * The reader's own thread, so that the page can draw while it works.
 *
 * In: messages { id, path, picture }, path as the service has it: /v1/model, /v1/read or /v1/predict with
 * array or saliency; { id } alone: nobody waits for it any more. Out: { id, answer } as the service gives
 * it, or { id, error }, the words, and whether the picture is at fault.
 */

import * as ort from "../onnxruntime/ort.js";
import { SIDE } from "../constants/spec.js";
import { occlusion } from "../reading/explain.js";
import { toDecimals } from "../reading/page.js";
import { decoded } from "../picture/decode.js";
import { PictureError } from "../picture/errors.js";
import { Reader } from "../reading/reader.js";
import { unpacked } from "./unpack.js";

const DIGITS_AFTER_POINT = 4; // of arrays, as the service has them
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
  const [about, ...files] = await Promise.all([
    fetched("../model.json", "json"),
    ...["model.onnx", "finder.onnx", "closeup.onnx", "onnxruntime/ort-wasm-simd-threaded.wasm.gz"].map(
      (path) => fetched(`../${path}`, "arrayBuffer"),
    ),
  ]);
  const [model, finder, closeUp, packed] = files;
  const runtime = await unpacked(packed);
  return { about, reader: await Reader.load({ ort, runtime, model, finder, closeUp, about }) };
}

async function fetched(path, as) {
  const answer = await fetch(new URL(path, import.meta.url));
  if (!answer.ok) throw new Error(`${answer.url}: the host answers ${answer.status}`);
  return answer[as]();
}

self.addEventListener("message", async ({ data: { id, path, picture } }) => {
  if (!path) {
    wanted.delete(id);
    return;
  }
  wanted.add(id);
  try {
    const answer = await answered(new URL(path, self.location.href), picture, () => wanted.has(id));
    self.postMessage({ id, answer });
  } catch (error) {
    self.postMessage({ id, error: error.message, isPictures: error instanceof PictureError });
  }
  wanted.delete(id);
});

async function answered({ pathname, searchParams }, picture, isWanted) {
  const { about, reader } = await loaded();
  if (pathname === "/v1/model") return about;
  const mattered = async (array, digit) => inRows(await occlusion(reader, array, digit, isWanted));
  const withArray = searchParams.get("array") === "true";
  const pixels = await decoded(picture);
  if (!isWanted()) return pixels.close(); // each stroke of a drawing asks again
  if (pathname === "/v1/predict") {
    const { array, reading } = await reader.look(pixels).finally(pixels.close);
    if (withArray) reading.array = inRows(array);
    if (searchParams.get("saliency") === "true") reading.saliency = await mattered(array, reading.digit);
    return reading;
  }
  const { page, arrays } = await reader.read(pixels).finally(pixels.close);
  if (withArray) page.digits.forEach((digit, i) => (digit.array = inRows(arrays[i])));
  if (searchParams.has("saliency")) {
    const number = Number(searchParams.get("saliency"));
    const chosen = page.digits[number];
    if (!chosen) throw new PictureError(`saliency is ${number}, and the picture has ${page.digits.length} digits`);
    chosen.saliency = await mattered(arrays[number], chosen.digit);
  }
  return page;
}

/** 28 rows of 28 numbers; none of null. */
function inRows(values) {
  const row = (y) => Array.from(values.slice(y * SIDE, (y + 1) * SIDE), (value) => toDecimals(value, DIGITS_AFTER_POINT));
  return values && Array.from({ length: SIDE }, (_, y) => row(y));
}
