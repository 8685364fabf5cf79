/**
 * What each candidate is, from what three networks say of it.
 *
 * In: a candidate, the classifier's ten probabilities of its array, and how much each network's answer
 * counts (the finder's metadata). Out: the probabilities of the twenty sorts and of other.
 */

import { LEAST } from "../constants/combine.js";
import { N_CLASSES, OTHER } from "../constants/spec.js";
import { clipped, f32 } from "../picture/arrays.js";

/** weights: Combination's fields, as combine.py explains them. */
export function combined({ heat, far, close }, classified, weights) {
  const logits = Array.from(far, (value, sort) => {
    const both = weights.far * log(value) + weights.close * log(close[sort]);
    return both + (sort < N_CLASSES ? weights.classifier * log(classified[sort]) : weights.sign);
  });
  const unsure = Math.log(clipped(f32(1 - heat), LEAST, 1)) - Math.log(clipped(heat, LEAST, 1));
  logits.push(weights.other * log(close[OTHER]) + weights.heat * unsure + weights.other_bias);
  const most = Math.max(...logits);
  const powers = logits.map((value) => Math.exp(value - most));
  const sum = powers.reduce((total, value) => total + value);
  return Float32Array.from(powers, (value) => value / sum);
}

/** `sure` with its odds lowered by as much as the odds of `own` fall short of the level's; see combine.py. */
export function heldBack(sure, own, level) {
  const short = odds(own) / odds(level);
  if (short >= 1) return sure;
  const lowered = short * odds(sure);
  return f32(lowered / (1 + lowered));
}

function odds(probability) {
  const value = clipped(probability, LEAST, 1 - LEAST);
  return value / (1 - value);
}

const log = (probability) => Math.log(Math.max(probability, LEAST));
