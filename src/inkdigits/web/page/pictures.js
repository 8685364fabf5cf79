/**
 * Pictures from outside: chosen, photographed, dropped or pasted.
 *
 * In: the browser's events. Out: `take(files)` where there is a picture among them, `refuse(words)` else.
 */

const DOCUMENTS = ["application/pdf", "image/tiff", "image/heic", "image/heif"];

/** Whether browsers do not show a file: it may hold several pages, or is a phone's HEIC. */
export function isDocument({ type }) {
  return DOCUMENTS.includes(type);
}

export function isPicture({ type }) {
  return type.startsWith("image/") || type === "application/pdf";
}

export function listenForPictures({ take, refuse }) {
  const pick = (files) => {
    if (files.some(isPicture)) take(files);
    else refuse(`${files[0].name} is not a picture. Choose one, such as a PNG or JPEG file.`);
  };
  listenToInputs(pick);
  listenToDrops((files) => (files.length ? pick([...files]) : refuse("What was dropped holds no picture file.")));
  document.addEventListener("paste", (event) => {
    if (event.target instanceof HTMLInputElement) return; // words for a field
    const { files } = event.clipboardData;
    if (files.length) pick([...files]);
    else refuse("There is no picture on the clipboard.");
  });
}

function listenToInputs(pick) {
  /** @type {NodeListOf<HTMLInputElement>} */
  const inputs = document.querySelectorAll("input[type=file]");
  for (const input of inputs) {
    input.addEventListener("change", () => {
      if (input.files.length) pick([...input.files]); // a copy: the next line empties the list
      input.value = ""; // so that the same file can be chosen again
    });
  }
}

function listenToDrops(pick) {
  const showDragging = (isDragging) => document.body.classList.toggle("dragging", isDragging);
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    showDragging(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) showDragging(false);
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault(); // the browser would leave the page for the file
    showDragging(false);
    pick(event.dataTransfer.files);
  });
}
