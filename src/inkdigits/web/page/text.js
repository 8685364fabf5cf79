/**
 * The text of a page as its characters, and the page as somebody corrected it.
 *
 * In: a page as /v1/read gives it; corrections, a Map of a digit's index to 0 to 9 or NONE. Out: the same
 * page with `lines` of characters { character, digit, sign, isDoubtful }: digit the index of a digit, sign
 * that of a sign, isDoubtful where its number is not accepted. Knows nothing of elements.
 */

export const NONE = "none"; // a correction: there is no digit

/** The page with those corrections in its text, numbers and digits. A corrected digit keeps what was `read`. */
export function corrected(page, corrections = new Map()) {
  const digits = page.digits.map((digit, index) => {
    const right = corrections.get(index);
    if (right === undefined) return digit;
    const told = right === NONE ? null : Number(right); // null: taken out
    return { ...digit, digit: told, read: digit.digit, confidence: 1, accepted: true, reason: "" };
  });
  const asRead = linesOf(page);
  const numbers = page.numbers.map((number, n) => numberOf(number, n, asRead[number.line], digits, page.signs));
  const lines = asRead
    .map((line) => line.filter(({ digit }) => digits[digit]?.digit !== null))
    .map((line) => line.filter(({ character }, i) => character !== " " || (i && (line[i + 1]?.character ?? " ") !== " ")))
    .filter((line) => line.some(({ digit }) => digit !== undefined))
    .map((line) => line.map((mark) => ({
      ...mark,
      character: String(digits[mark.digit]?.digit ?? mark.character),
      isDoubtful: numbers[mark.number]?.accepted === false,
    })));
  const text = lines.map((line) => textOf(line)).join("\n");
  return { ...page, text, lines, digits, numbers: numbers.filter(Boolean) };
}

/** Lines of { character, digit, sign, number }. A line's numbers stand in its text, in their order. */
function linesOf({ text, numbers }) {
  let [digit, sign, number] = [0, 0, 0];
  return text.split("\n").map((line, k) => {
    const numberAt = new Map();
    for (let from = 0; numbers[number]?.line === k; number += 1) {
      const start = line.indexOf(numbers[number].text, from);
      from = start + numbers[number].text.length;
      for (let i = start; i < from; i += 1) numberAt.set(i, number);
    }
    return Array.from(line, (character, i) => {
      const mark = { character, number: numberAt.get(i) };
      if (/[0-9]/.test(character)) mark.digit = digit++;
      else if (character !== " ") mark.sign = sign++;
      return mark;
    });
  });
}

/** A number as corrected; undefined where no digit is left of it. */
function numberOf(number, n, line, digits, signs) {
  const own = line.filter((mark) => mark.number === n);
  if (!own.some(({ digit }) => digits[digit]?.read !== undefined)) return number;
  const left = own.filter(({ digit }) => digits[digit]?.digit !== null);
  if (!left.some(({ digit }) => digit !== undefined)) return undefined;
  const first = line.indexOf(own[0]);
  const beside = [line[first - 1], line[first + own.length]].filter((mark) => mark?.sign !== undefined);
  const marked = (mark) => digits[mark.digit] ?? signs[mark.sign];
  const both = [...left, ...beside]; // as page.js counts them
  const boxes = left.map((mark) => marked(mark).box);
  return {
    ...number,
    text: textOf(left.map((mark) => ({ character: String(digits[mark.digit]?.digit ?? mark.character) }))).replace(/^[.,]+|[.,]+$/g, ""),
    confidence: both.reduce((product, mark) => product * marked(mark).confidence, 1),
    accepted: both.every((mark) => marked(mark).accepted),
    box: [Math.min, Math.min, Math.max, Math.max].map((outermost, edge) => outermost(...boxes.map((box) => box[edge]))),
  };
}

const textOf = (line) => line.map(({ character }) => character).join("");
