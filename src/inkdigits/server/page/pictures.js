/**
 * Pictures from outside: chosen, photographed, dropped or pasted.
 *
 * In: the browser's events. Out: `take(file)` for a picture, `refuse(words)` for anything else.
 */

const companions = new WeakMap(); // picture → how many files came with it, itself counted

export function listenForPictures({ take, refuse }) {
  const pick = (files) => {
    const [file] = files;
    companions.set(file, files.length);
    if (file.type.startsWith("image/")) take(file);
    else refuse(`${file.name} is ${file.type || "of no known kind"}. Choose a picture, such as a PNG or JPEG file.`);
  };
  listenToInputs(pick);
  listenToDrops((files) => (files.length ? pick(files) : refuse("What was dropped holds no picture file.")));
  document.addEventListener("paste", (event) => {
    if (event.target.closest?.("input")) return; // words for a field
    const { files } = event.clipboardData;
    if (files.length) pick(files);
    else refuse("There is no picture on the clipboard.");
  });
}

/** What to say of a picture that came in by `take`. */
export function aboutPicture(file) {
  const number = companions.get(file);
  return number > 1 ? `${file.name}, the first of ${number}. I read one at a time.` : file.name;
}

function listenToInputs(pick) {
  for (const input of document.querySelectorAll("input[type=file]")) {
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
