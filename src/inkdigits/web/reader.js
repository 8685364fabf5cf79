/**
 * Pictures in, digits out: what reader.py does with one model, in a browser. Runs on ONNX Runtime's
 * WebAssembly. Of the two that the package ships it is the careful one: for one picture at a time the
 * first, small one would save little.
 *
 * In: pixels as decode.js gives them, or digit arrays. Out: what was seen, and Readings.
 */

import { PictureError } from "./picture/errors.js";
import { nudged } from "./picture/nudge.js";
import { cutOut, lookAt } from "./picture/picture.js";
import { SIDE } from "./picture/place.js";

const CLEAR = 0.98;
const NO_DIGIT = 0.4;
const N_CLASSES = 10;

export class Reader {
  #ort;
  #session;
  #accept;

  /** accept: the confidence from which the model's answers are accepted. */
  constructor(ort, session, accept) {
    this.#ort = ort;
    this.#session = session;
    this.#accept = accept;
  }

  /** ort: ONNX Runtime's module. runtime, model: the bytes of its .wasm and of the .onnx. */
  static async load({ ort, runtime, model, accept }) {
    ort.env.wasm.numThreads = 1; // more need a header that few static hosts send
    ort.env.wasm.wasmBinary = runtime;
    return new Reader(ort, await ort.InferenceSession.create(model), accept);
  }

  /** { seen, reading } of one picture. Throws PictureError. */
  async look(pixels) {
    const { seen, crops } = lookAt(pixels);
    const [row] = await this.probabilities([seen.array]);
    const reading = this.#reading(row, seen);
    const clear = !this.#accept || seen.blank || reading.confidence >= CLEAR;
    return clear ? { seen, reading } : this.#surest(seen, crops);
  }

  /** Ten probabilities for each digit array: Float32Arrays. */
  async probabilities(arrays) {
    const n = arrays.length;
    const values = new Float32Array(n * SIDE * SIDE);
    arrays.forEach((array, i) => values.set(array, i * SIDE * SIDE));
    const digits = new this.#ort.Tensor("float32", values, [n, 1, SIDE, SIDE]);
    const { probabilities } = await this.#session.run({ digits });
    return Array.from({ length: n }, (_, i) => probabilities.data.slice(i * N_CLASSES, (i + 1) * N_CLASSES));
  }

  /** The surest look at a picture whose first one was not clear. */
  async #surest(seen, crops) {
    const looks = [{ seen, reading: await this.#nudged(seen) }];
    // Of several digits each would be read as the only one, but for all of them in another way.
    const others = crops.slice(1).filter((crop) => crop.whole || !seen.several);
    for (const crop of [crops[0], ...others]) {
      if (looks.some(({ reading }) => reading.accepted)) break;
      const again = cutOutIfAny(crop, { faint: crop === crops[0] });
      if (!again || (crop !== crops[0] && again.blank)) continue;
      looks.push({ seen: again, reading: await this.#nudged(again) });
    }
    return looks.reduce((best, look) => (look.reading.confidence > best.reading.confidence ? look : best));
  }

  async #nudged(seen) {
    const rows = await this.probabilities(nudged(seen.array));
    return this.#reading(rows[0].map((_, digit) => rows.reduce((sum, row) => sum + row[digit], 0) / rows.length), seen);
  }

  #reading(row, { blank, several, box }) {
    const confidence = Math.max(...row);
    let reason = "";
    if (blank) reason = "blank";
    else if (confidence < this.#accept && several) reason = "several digits";
    else if (confidence < this.#accept) reason = confidence < NO_DIGIT ? "no digit" : "unsure";
    return { digit: row.indexOf(confidence), confidence, probabilities: [...row], accepted: !reason, reason, box };
  }
}

function cutOutIfAny(crop, options) {
  try {
    return cutOut(crop, options);
  } catch (error) {
    if (error instanceof PictureError) return null;
    throw error;
  }
}
