/**
 * The result area: what was read, in digits, words, bars and pixels.
 *
 * In: pages as /v1/read gives them, errors. Out: the page. Asks nothing and keeps nothing.
 */

const SALIENCY_FLOOR = 0.05; // share of probability; less is not worth the full colour
const WIDE = 1.2; // a plus or its like against a digit
/** @type {[number, string][]} */
const LIKELY = [
  [0.99, "Almost certain"],
  [0.9, "Very likely"],
  [0.7, "Likely"],
  [0, "Perhaps"],
];
const NO_DIGIT = ["No digit found", "This reads 0 to 9, written by hand."];

/** @type {(id: string) => any} */
const find = (id) => document.getElementById(id);
const bars = [...Array(10).keys()].map(makeBar);
let clock = 0; // the timer of the seconds that a reading has taken

export function showEmpty() {
  show({ state: "empty", verdict: "Draw a number", detail: "It is read while you draw." });
  say(""); // so that the same number, drawn again, is said again
}

/** name: the picture's, which is told with the seconds where it takes some. */
export function showWaiting(name = "") {
  show({ state: "reading", verdict: "Reading…" });
  const start = Date.now();
  clock = setInterval(() => {
    find("detail").textContent = `${name ? `${name}, ` : ""}${secondsSince(start)} s`;
  }, 1000);
}

/** Whole seconds since Date.now() was that. */
export function secondsSince(start) {
  return Math.floor((Date.now() - start) / 1000);
}

/** again: whether to offer another try. */
export function showError(words, { again = false } = {}) {
  show({ state: "error", verdict: "That did not work", detail: words });
  find("again").hidden = !again;
  say(words);
}

/** Ask for a token. wasWrong: one was sent and refused. */
export function showTokenForm(wasWrong) {
  const detail = wasWrong ? "That token was not accepted." : "Whoever runs it can give you one.";
  show({ state: "error", verdict: "This server requires a token", detail });
  find("token-form").hidden = false;
  say(`${find("verdict").textContent}. ${detail}`);
}

/** page: as text.js gives it. choose: called with the index of a digit that is tapped. */
export function showPage(page, choose) {
  const { digits, lines, text } = page;
  const [verdict, detail] = wordsFor(page);
  show({ state: isDoubtful(page) ? "doubt" : "read", verdict, detail });
  find("result").dataset.text = text;
  const rows = lines.map((line) => rowOf(line, page, choose));
  find("text").replaceChildren(...(rows.length ? rows : [plain(digits.length ? "–" : "?")]));
  find("text").style.setProperty("--longest", String(Math.max(1, ...text.split("\n").map(widthOf))));
  find("text").style.setProperty("--lines", String(Math.max(1, lines.length)));
  find("result").toggleAttribute("data-many", text.length > 1);
}

/** Whether somebody should look at the page: nothing was found, or something that may be another. */
export function isDoubtful({ digits, numbers }) {
  return !digits.length || [...digits, ...numbers].some(({ accepted }) => !accepted);
}

/** Show which digit of several the bars are of, and them. */
export function showChosen({ digits }, index) {
  const digit = digits[index];
  for (const button of find("text").querySelectorAll("button")) {
    button.ariaPressed = button.dataset.index === String(index);
    if (button.ariaPressed === "true") scrollTo(button);
  }
  find("which").hidden = digits.length < 2;
  find("which").textContent = digit ? `Digit ${index + 1} of ${digits.length}: ${wordsOf(digit)}` : "";
  showBars(digit?.probabilities, digit?.read ?? digit?.digit);
  find("apart").hidden = !digit || digit.read !== undefined || percent(digit.confidence) === percent(Math.max(...digit.probabilities));
}

/** Not by scrollIntoView, which would scroll the page too. */
function scrollTo(button) {
  const [own, seen] = [button, find("text")].map((element) => element.getBoundingClientRect());
  if (own.top < seen.top || own.bottom > seen.bottom) find("text").scrollTop += own.top - seen.top - seen.height / 2;
}

function wordsOf({ digit, read, confidence }) {
  if (read === undefined) return `${digit}, ${percent(confidence)}`;
  return `${digit ?? "no digit"}, corrected from ${read}`;
}

/** For ears. Only of settled readings: not all that pass during a stroke. */
export function announce(page) {
  const [verdict, detail] = wordsFor(page);
  say(page.digits.length ? `Read ${page.text.replaceAll("\n", ", ")}. ${verdict}` : `${verdict}. ${detail}`);
}

/**
 * Verdict and detail.
 *
 * @returns {string[]}
 */
function wordsFor({ text, digits, numbers, signs }) {
  if (!digits.length) return NO_DIGIT;
  if (!text) return ["No digit", "All digits were taken out."];
  const doubtful = digits.filter(({ accepted }) => !accepted);
  if (digits.length === 1 && !signs.length) {
    const [{ digit, read, reason, confidence }] = digits;
    if (read !== undefined) return ["Corrected", `It was read as ${read}.`];
    if (reason === "no digit") return NO_DIGIT;
    if (reason) {
      const [verdict, detail] = [`Not sure: perhaps ${digit === 8 ? "an" : "a"} ${digit}`, "is too little to rely on."];
      return [verdict, `${percent(confidence)} ${detail}`];
    }
    return [likely(confidence), percent(confidence)];
  }
  const left = digits.filter(({ digit }) => digit !== null).length;
  const doubted = numbers.filter(({ accepted }) => !accepted).length;
  let hint = doubted ? "A sign may be another." : "";
  if (doubtful.length) hint = "Tap one to see why.";
  if (numbers.length > 1) {
    return [`${numbers.length} numbers, ${doubted || "none"} uncertain`, `${left} digits. ${hint}`.trim()];
  }
  if (doubtful.length) return [`Not sure of ${doubtful.length} of ${left} digits`, hint];
  if (doubted) return ["Not sure of a sign", hint];
  const [{ confidence }] = numbers;
  return [likely(confidence), `${percent(confidence)} that all are right.`];
}

function likely(share) {
  return LIKELY.find(([least]) => share >= least)[1];
}

/**
 * A line's width, in digits of the widest fonts.
 * @param {string} line
 */
function widthOf(line) {
  return line.length + (WIDE - 1) * line.replace(/[^-+=×÷]/g, "").length;
}

/** A line of the text; each of several digits is a button. */
function rowOf(line, { digits, signs }, choose) {
  const row = document.createElement("p");
  row.append(
    ...line.map((mark) => {
      const { character, digit, sign } = mark;
      if (digit !== undefined) return digits.length > 1 ? digitButton(digits[digit], mark, choose) : character;
      return sign === undefined ? character : signOf(signs[sign], mark);
    }),
  );
  return row;
}

/** Orange: its number is doubtful; with a dashed line: it is why. */
function digitButton(digit, { digit: index, isDoubtful: isInDoubt }, choose) {
  const { accepted, read } = digit;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = digit.digit;
  button.dataset.index = index;
  button.ariaLabel = `${wordsOf(digit)}${accepted ? (isInDoubt ? ", in an uncertain number" : "") : ", not sure"}`;
  button.classList.toggle("doubt", !accepted);
  button.classList.toggle("in-doubt", isInDoubt);
  button.classList.toggle("corrected", read !== undefined);
  button.addEventListener("click", () => choose(index));
  return button;
}

function signOf({ accepted }, { character, isDoubtful: isInDoubt }) {
  const sign = document.createElement("span");
  sign.textContent = character;
  sign.classList.toggle("doubt", !accepted);
  sign.classList.toggle("in-doubt", isInDoubt);
  return sign;
}

function plain(words) {
  const row = document.createElement("p");
  row.textContent = words;
  return row;
}

/**
 * What the network saw, with what mattered as a tint over it.
 *
 * array, saliency: 28 rows of 28 numbers, or nothing. unexplained: why there is no saliency.
 *
 * @param {{ digit?: number, read?: number, array?: number[][], saliency?: number[][], unexplained?: string }} seen
 */
export function showSeen({ digit, read = digit, array, saliency, unexplained = "" } = {}) {
  paintSeen(array, saliency);
  find("seen").ariaLabel = array ? "The digit as the network saw it, 28 by 28 pixels" : "Nothing seen yet";
  find("legend").classList.toggle("off", !saliency);
  find("legend").querySelector("span").textContent = read ?? "it";
  find("unexplained").textContent = unexplained;
}

function show({ state, verdict, detail = "" }) {
  clearInterval(clock);
  find("result").dataset.state = state;
  delete find("result").dataset.text;
  find("result").removeAttribute("data-many");
  find("text").replaceChildren();
  find("verdict").textContent = verdict;
  find("detail").textContent = detail;
  find("again").hidden = find("token-form").hidden = find("which").hidden = find("apart").hidden = true;
  showBars(null);
}

function say(words) {
  find("said").textContent = words;
}

function makeBar(digit) {
  const row = document.createElement("li");
  const [name, track, share] = ["name", "track", "share"].map((part) => {
    const element = document.createElement("span");
    element.className = part;
    return row.appendChild(element);
  });
  name.textContent = digit;
  const fill = track.appendChild(document.createElement("span"));
  find("bars").append(row);
  return { row, fill, share };
}

/** probabilities: ten numbers, or null for none. */
function showBars(probabilities, winner) {
  bars.forEach(({ row, fill, share }, digit) => {
    row.classList.toggle("winner", digit === winner);
    fill.style.transform = `scaleX(${probabilities?.[digit] ?? 0})`;
    share.textContent = probabilities ? percent(probabilities[digit]) : "";
  });
}

function paintSeen(array = [], saliency = []) {
  const canvas = find("seen");
  const context = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  const [ink, speaksFor, speaksAgainst] = ["--ink", "--for", "--against"].map((name) => style.getPropertyValue(name));
  const paint = (rows, colourOf, alphaOf) =>
    rows.forEach((row, y) =>
      row.forEach((value, x) => {
        context.fillStyle = colourOf(value);
        context.globalAlpha = alphaOf(value);
        context.fillRect(x, y, 1, 1);
      }),
    );
  context.clearRect(0, 0, canvas.width, canvas.height);
  paint(array, () => ink, (darkness) => darkness);
  const most = Math.max(SALIENCY_FLOOR, ...saliency.flat().map(Math.abs));
  paint(saliency, (loss) => (loss > 0 ? speaksFor : speaksAgainst), (loss) => (0.85 * Math.abs(loss)) / most);
}

/** Rounded down: 99.97 % is not 100. */
function percent(share) {
  return `${(Math.min(Math.floor(share * 1000), 999) / 10).toFixed(1)}\u00a0%`;
}
