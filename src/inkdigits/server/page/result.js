/**
 * The result area: what was read, in digits, words, bars and pixels.
 *
 * In: readings as /v1/predict gives them, errors. Out: the page. Asks nothing and keeps nothing.
 */

const SALIENCY_FLOOR = 0.05; // share of probability; less is not worth the full colour
const LIKELY = [
  [0.99, "Almost certain"],
  [0.9, "Very likely"],
  [0.7, "Likely"],
  [0, "Perhaps"],
];
const DOUBTS = {
  blank: () => ["Blank", "I see paper, but no ink."],
  "several digits": () => ["More than one digit", "I read one at a time."],
  "no digit": () => ["I see no digit", "I know 0 to 9, written by hand."],
  unsure: (digit, share) => [
    `Not sure: perhaps ${digit === 8 ? "an" : "a"} ${digit}`,
    `${share} is too little to rely on.`,
  ],
};

const find = (id) => document.getElementById(id);
const bars = [...Array(10).keys()].map(makeBar);

export function showEmpty() {
  show({ state: "empty", verdict: "Draw a digit", detail: "It is read while you draw." });
  say(""); // so that the same digit, drawn again, is said again
}

export function showWaiting() {
  show({ state: "reading", verdict: "Reading…" });
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
  show({ state: "error", verdict: "This server wants a token", detail });
  find("token-form").hidden = false;
  say(`${find("verdict").textContent}. ${detail}`);
}

export function showReading({ digit, confidence, probabilities, accepted, reason }) {
  const share = percent(confidence);
  if (accepted) {
    const [, verdict] = LIKELY.find(([least]) => confidence >= least);
    show({ state: "read", sign: digit, verdict, detail: share });
  } else {
    const [verdict, detail] = DOUBTS[reason]?.(digit, share) ?? [reason, ""];
    show({ state: "doubt", sign: reason === "unsure" ? digit : "?", verdict, detail });
  }
  find("result").dataset.digit = digit;
  showBars(probabilities, digit);
}

/** For ears. Only of settled readings: not all that pass during a stroke. */
export function announce({ digit, confidence, accepted }) {
  say(accepted ? `Read ${digit}, ${percent(confidence)}` : find("verdict").textContent);
}

/**
 * What the network saw, with what mattered as a tint over it.
 *
 * array, saliency: 28 rows of 28 numbers, or nothing. unexplained: why there is no saliency.
 */
export function showSeen({ digit, array, saliency, unexplained = "" } = {}) {
  paintSeen(array, saliency);
  find("seen").ariaLabel = array ? "The digit as the network saw it, 28 by 28 pixels" : "Nothing seen yet";
  find("legend").classList.toggle("off", !saliency);
  find("legend").querySelector("span").textContent = digit ?? "it";
  find("unexplained").textContent = unexplained;
}

function show({ state, sign = "", verdict, detail = "" }) {
  find("result").dataset.state = state;
  delete find("result").dataset.digit;
  find("digit").textContent = sign;
  find("verdict").textContent = verdict;
  find("detail").textContent = detail;
  find("again").hidden = find("token-form").hidden = true;
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
