/**
 * Pictures in, digits out: what reader.py does with one model, in a browser. Runs on ONNX Runtime's
 * WebAssembly. Of the three that the package ships for single digits it is the careful one: for one
 * picture at a time the first, small one would save little.
 *
 * In: pixels as decode.js gives them, or digit arrays. Out: pages, and Readings of pictures of one digit.
 */

import { combined, heldBack } from "./combine.js";
import { CLEAR, FEW, GAIN, LYING, MANY, NOTHING, NO_DIGIT, UPRIGHT } from "../constants/reader.js";
import { N_CLASSES, N_PIXELS, OTHER, SIDE, SORTS } from "../constants/spec.js";
import { arrayOf, Finder } from "./finder.js";
import { likely, pageOf, toDecimals } from "./page.js";
import { clipped, extremes, f32, rounded, turned } from "../picture/arrays.js";
import { checkContrast, openPixels } from "../picture/open.js";
import { cutOf } from "../picture/small.js";

const AT_ONCE = 128; // arrays that are read at a time

export class Reader {
  #ort;
  #session;
  #finder;
  #about;

  /** session: the digits' model. about: model.json, what the models say of themselves. */
  constructor(ort, session, finder, about) {
    this.#ort = ort;
    this.#session = session;
    this.#finder = finder;
    this.#about = about;
  }

  /** ort: ONNX Runtime's module. runtime, model, finder, closeUp: the bytes of its .wasm and of the .onnx. */
  static async load({ ort, runtime, model, finder, closeUp, about }) {
    ort.env.wasm.numThreads = 1; // more need a header that few static hosts send
    ort.env.wasm.wasmBinary = runtime;
    const sessions = [];
    for (const bytes of [model, finder, closeUp]) sessions.push(await ort.InferenceSession.create(bytes));
    return new Reader(ort, sessions[0], new Finder(ort, sessions[1], sessions[2]), about);
  }

  /** { page, arrays }: every digit and number in one picture, and each digit's array. */
  async read(pixels) {
    const opened = openPixels(pixels);
    const { candidates, width, height, degrees } = await this.#upright(opened, await this.#candidatesIn(opened));
    return pageOf(candidates, width, height, degrees);
  }

  /** { array, reading }: the digit's array in a picture of one digit, and the Reading of it. */
  async look(pixels) {
    const opened = openPixels(pixels);
    checkContrast(opened.grey);
    return only(await this.#candidatesIn(opened), opened);
  }

  /** Ten probabilities for each digit array: Float32Arrays. */
  async probabilities(arrays) {
    const found = [];
    for (let start = 0; start < arrays.length; start += AT_ONCE) {
      const some = arrays.slice(start, start + AT_ONCE);
      const values = new Float32Array(some.length * N_PIXELS);
      some.forEach((array, i) => values.set(array, i * N_PIXELS));
      const digits = new this.#ort.Tensor("float32", values, [some.length, 1, SIDE, SIDE]);
      const { probabilities } = await this.#session.run({ digits });
      some.forEach((_, i) => found.push(probabilities.data.slice(i * N_CLASSES, (i + 1) * N_CLASSES)));
    }
    return found;
  }

  async #candidatesIn(opened) {
    return (await this.#plain(opened.grey)) ?? this.#find(opened);
  }

  /** What stands in a small picture that shows one digit so plainly that all is said; else null. */
  async #plain(grey) {
    const cut = cutOf(grey);
    if (!cut) return null;
    const [probabilities] = await this.probabilities([cut.array]);
    const confidence = extremes(probabilities)[1];
    // Where such a model is sure Python asks the package's, too; here all are looked at by the finder.
    if (!this.#about.knows_nondigits || confidence < (this.#about.accept || CLEAR)) return null;
    const sort = probabilities.indexOf(confidence);
    const unit = cut.box[3] - cut.box[1];
    return [{ ...cut, unit, sort, confidence, probabilities, accepted: true, reason: "", other: 0 }];
  }

  /** What stands in a picture of that size, of which `grey` may be a smaller copy. */
  async #find({ grey, width, height }) {
    const { accept, combine } = this.#about.finder;
    const found = await this.#finder.find(grey);
    const arrays = found.map(arrayOf);
    const classified = await this.probabilities(arrays);
    const ratio = [f32(width / grey.width), f32(height / grey.height)];
    return found.map((candidate, i) => {
      const row = combined(candidate, classified[i], combine);
      const [sorts, ten, other] = [row.slice(0, OTHER), row.slice(0, N_CLASSES), row[OTHER]];
      const both = extremes(sorts)[1];
      const sort = sorts.indexOf(both);
      const own = extremes(classified[i])[1];
      const confidence = sort < N_CLASSES ? heldBack(both, own, this.#about.accept) : both;
      const sum = Math.max(ten.reduce((total, value) => total + value), 1e-9);
      let reason = "";
      if (confidence < accept) reason = other > NO_DIGIT ? "no digit" : "unsure";
      return {
        box: candidate.box.map((edge, k) => clipped(f32(edge * ratio[k % 2]), 0, k % 2 ? height : width)),
        unit: f32(candidate.unit * ratio[1]),
        sort,
        confidence,
        probabilities: ten.map((value) => value / sum),
        accepted: !reason,
        reason,
        array: arrays[i],
        other,
      };
    });
  }

  /** What stands in the picture as its writing stands, and by how many degrees clockwise it was turned. */
  async #upright({ grey, width, height }, candidates) {
    let best = { candidates, width, height, degrees: 0 };
    if (!mayLie(candidates)) return best;
    for (const [quarters, across, down] of [[1, height, width], [2, width, height], [3, height, width]]) {
      const found = await this.#find({ grey: turned(grey, quarters), width: across, height: down });
      if (stands(found, candidates) && evidence(found) > evidence(best.candidates)) {
        best = { candidates: found, width: across, height: down, degrees: 90 * quarters };
      }
    }
    return best;
  }
}

/** Whether a page turned so is clearly upright, against the same page as it lies. */
function stands(found, lying) {
  return shareOf(found) >= UPRIGHT && evidence(found) >= GAIN * evidence(lying);
}

const mayLie = (candidates) => FEW <= candidates.length && candidates.length <= MANY && shareOf(candidates) < LYING;
const shareOf = (candidates) => evidence(candidates) / Math.max(1, candidates.length);
const evidence = (candidates) => likely(candidates).reduce((sum, { confidence }) => sum + confidence, 0);

/** { array, reading } of a picture that should show one digit. */
function only(found, { width, height }) {
  const candidates = found.filter(({ other }) => other < NOTHING);
  const guesses = candidates.filter(({ sort }) => sort < N_CLASSES);
  if (!guesses.length) {
    const reason = candidates.every(({ sort }) => ".,".includes(SORTS[sort])) ? "blank" : "no digit";
    const probabilities = new Array(N_CLASSES).fill(1 / N_CLASSES);
    const reading = { digit: 0, confidence: 0, probabilities, accepted: false, reason, box: [0, 0, width, height] };
    return { array: new Float32Array(N_PIXELS), reading };
  }
  const digits = likely(guesses);
  const surest = guesses.reduce((best, candidate) => (candidate.confidence > best.confidence ? candidate : best));
  let reason = digits.length > 1 ? "several digits" : surest.reason;
  if (!digits.length) reason = "no digit";
  const [left, top, right, bottom] = surest.box.map(rounded);
  const reading = {
    digit: surest.sort,
    confidence: toDecimals(surest.confidence, 6),
    probabilities: Array.from(surest.probabilities, (value) => toDecimals(value, 6)),
    accepted: !reason,
    reason,
    box: [left, top, Math.max(right, left + 1), Math.max(bottom, top + 1)],
  };
  return { array: surest.array, reading };
}
