/**
 * What stands in a picture: its digits, its numbers, its lines.
 *
 * In: places of one picture in any order: { box, unit, sort, confidence, probabilities, accepted, reason,
 * array, other }. Out: a page as /v1/read gives it. The same steps as in page.py.
 */

import { BEFORE, FIRST, WITHIN } from "../constants/page.js";
import { SORTS } from "../constants/spec.js";
import { gapsAfter, isDigit, linesOf } from "./lines.js";
import { rounded } from "../picture/arrays.js";

/** Those places where there is likelier something than nothing. */
export const likely = (places) => places.filter(({ other }) => other < 0.5);

/** { page, arrays } of what likely stands in a picture of that size; arrays of its digits, in their order. */
export function pageOf(found, width, height, turned = 0) {
  const places = likely(found).map((place) => ({ ...place, sign: SORTS[place.sort] }));
  const isDigits = (i) => isDigit(places[i].sign);
  // A line of signs alone is a stroke or a speck.
  const lines = linesOf(places).filter((line) => line.some(isDigits));
  const gaps = gapsAfter(lines, places);
  const numbers = [];
  const [digits, signs, arrays] = [[], [], []];
  const texts = lines.map((line, k) => {
    const own = numbersOf(line, gaps[k], places);
    const numberOf = new Map(own.flatMap((number, n) => number.map((i) => [i, numbers.length + n])));
    numbers.push(...own.map((number) => numberAs(number, besideOf(number, line, gaps[k]), places, k)));
    for (const i of line) {
      if (!isDigits(i)) {
        signs.push(signAs(places[i]));
        continue;
      }
      digits.push({ ...digitAs(places[i]), line: k, number: numberOf.get(i) ?? -1 });
      arrays.push(places[i].array);
    }
    return line.map((i, place) => places[i].sign + (gaps[k][place] ? " " : "")).join("");
  });
  const reason = digits.length ? "" : "blank";
  return { page: { text: texts.join("\n"), reason, width, height, turned, numbers, digits, signs }, arrays };
}

/** A number with so many places after its point. */
export const toPlaces = (value, places) => rounded(value * 10 ** places) / 10 ** places;

const boxAs = (box) => Array.from(box, (edge) => toPlaces(edge, 1));

function digitAs({ sort, confidence, probabilities, accepted, reason, box }) {
  return {
    digit: sort,
    confidence: toPlaces(confidence, 6),
    probabilities: Array.from(probabilities, (value) => toPlaces(value, 6)),
    accepted,
    reason,
    box: boxAs(box),
  };
}

const signAs = ({ sign, confidence, accepted, box }) => ({ sign, confidence: toPlaces(confidence, 6), accepted, box: boxAs(box) });

function numberAs(number, beside, places, line) {
  const own = number.map((i) => places[i]);
  const both = [...own, ...beside.map((i) => places[i]).filter(({ sign }) => !isDigit(sign))];
  const edges = [Math.min, Math.min, Math.max, Math.max];
  return {
    text: own.map(({ sign }) => sign).join(""),
    box: boxAs(edges.map((outermost, k) => outermost(...own.map(({ box }) => box[k])))),
    confidence: toPlaces(both.reduce((product, { confidence }) => product * confidence, 1), 6),
    accepted: both.every(({ accepted }) => accepted),
    line,
  };
}

/** A line's numbers, each the places of its digits and of the signs that belong to it. */
function numbersOf(line, gap, places) {
  const signAt = (place) => places[line[place]]?.sign ?? " ";
  const holdsDigit = (number) => number.some((i) => isDigit(places[i].sign));
  const found = [];
  let current = [];
  line.forEach((i, place) => {
    const [sign, following] = [signAt(place), signAt(place + 1)];
    if (isDigit(sign)) {
      current.push(i);
    } else {
      const isInside = WITHIN.includes(sign) && current.length && isDigit(following);
      if (!isInside && holdsDigit(current)) found.push(current);
      const before = place && !gap[place - 1] ? signAt(place - 1) : " ";
      const leads = FIRST.includes(sign) && isDigit(following) && BEFORE.includes(before);
      if (isInside) current = [...current, i];
      else current = leads ? [i] : [];
    }
    if (gap[place] && current.length) {
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
