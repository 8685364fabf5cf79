/**
 * What stands in a picture: its digits, its numbers, its lines.
 *
 * In: candidates of one picture in any order: { box, unit, sort, confidence, probabilities, accepted, reason,
 * array, other }. Out: a page as /v1/read gives it. The same steps as in page.py.
 */

import { BEFORE, FIRST, WITHIN } from "../constants/page.js";
import { SORTS } from "../constants/spec.js";
import { gapsAfter, isDigit, linesOf } from "./lines.js";
import { rounded } from "../picture/arrays.js";

/** Those candidates where there is likelier something than nothing. */
export const likely = (candidates) => candidates.filter(({ other }) => other < 0.5);

/** { page, arrays } of what likely stands in a picture of that size; arrays of its digits, in their order. */
export function pageOf(found, width, height, turned = 0) {
  const candidates = likely(found).map((candidate) => ({ ...candidate, sign: SORTS[candidate.sort] }));
  const isDigits = (i) => isDigit(candidates[i].sign);
  // A line of signs alone is a stroke or a speck.
  const lines = linesOf(candidates).filter((line) => line.some(isDigits));
  const gaps = gapsAfter(lines, candidates);
  const numbers = [];
  const [digits, signs, arrays] = [[], [], []];
  const texts = lines.map((line, k) => {
    const own = numbersOf(line, gaps[k], candidates);
    const numberOf = new Map(own.flatMap((number, n) => number.map((i) => [i, numbers.length + n])));
    numbers.push(...own.map((number) => numberAs(number, besideOf(number, line, gaps[k]), candidates, k)));
    for (const i of line) {
      if (!isDigits(i)) {
        signs.push(signAs(candidates[i]));
        continue;
      }
      digits.push({ ...digitAs(candidates[i]), line: k, number: numberOf.get(i) ?? -1 });
      arrays.push(candidates[i].array);
    }
    return line.map((i, position) => candidates[i].sign + (gaps[k][position] ? " " : "")).join("");
  });
  const reason = digits.length ? "" : "blank";
  return { page: { text: texts.join("\n"), reason, width, height, turned, numbers, digits, signs }, arrays };
}

/** A number with so many digits after its point. */
export const toDecimals = (value, decimals) => rounded(value * 10 ** decimals) / 10 ** decimals;

const boxAs = (box) => Array.from(box, (edge) => toDecimals(edge, 1));

function digitAs({ sort, confidence, probabilities, accepted, reason, box }) {
  return {
    digit: sort,
    confidence: toDecimals(confidence, 6),
    probabilities: Array.from(probabilities, (value) => toDecimals(value, 6)),
    accepted,
    reason,
    box: boxAs(box),
  };
}

function signAs({ sign, confidence, accepted, box }) {
  return { sign, confidence: toDecimals(confidence, 6), accepted, box: boxAs(box) };
}

function numberAs(number, beside, candidates, line) {
  const own = number.map((i) => candidates[i]);
  const both = [...own, ...beside.map((i) => candidates[i]).filter(({ sign }) => !isDigit(sign))];
  const edges = [Math.min, Math.min, Math.max, Math.max];
  return {
    text: own.map(({ sign }) => sign).join(""),
    box: boxAs(edges.map((outermost, k) => outermost(...own.map(({ box }) => box[k])))),
    confidence: toDecimals(both.reduce((product, { confidence }) => product * confidence, 1), 6),
    accepted: both.every(({ accepted }) => accepted),
    line,
  };
}

/** A line's numbers, each the indices of its digits and of the signs that belong to it. */
function numbersOf(line, gap, candidates) {
  const signAt = (position) => candidates[line[position]]?.sign ?? " ";
  const holdsDigit = (number) => number.some((i) => isDigit(candidates[i].sign));
  const found = [];
  let current = [];
  line.forEach((i, position) => {
    const [sign, following] = [signAt(position), signAt(position + 1)];
    if (isDigit(sign)) {
      current.push(i);
    } else {
      const isInside = WITHIN.includes(sign) && current.length && isDigit(following);
      if (!isInside && holdsDigit(current)) found.push(current);
      const before = position && !gap[position - 1] ? signAt(position - 1) : " ";
      const leads = FIRST.includes(sign) && isDigit(following) && BEFORE.includes(before);
      if (isInside) current = [...current, i];
      else current = leads ? [i] : [];
    }
    if (gap[position] && current.length) {
      found.push(current);
      current = [];
    }
  });
  if (holdsDigit(current)) found.push(current);
  return found;
}

/** What stands before and after a number without a clear gap: part of it may be misread. */
function besideOf(number, line, gap) {
  const [first, last] = [line.indexOf(number[0]), line.indexOf(number.at(-1))];
  const before = first && !gap[first - 1] ? [line[first - 1]] : [];
  const after = last < gap.length && !gap[last] ? [line[last + 1]] : [];
  return [...before, ...after];
}
