/**
 * The frames around what was read.
 *
 * In: boxes { box, state }, box [left, top, right, bottom] in pixels of a picture that is fitted into a
 * square, state its class names. Out: elements in shares of that square.
 */

/** width, height: of the picture. picked: called with the index of a box that is tapped. */
export function framesOf(boxes, width, height, picked) {
  const side = Math.max(width, height);
  const share = (pixels) => `${(100 * pixels) / side}%`;
  return boxes.map(({ box: [left, top, right, bottom], state }, index) => {
    const frame = document.createElement("div");
    frame.className = state;
    frame.style.left = share(left + (side - width) / 2);
    frame.style.top = share(top + (side - height) / 2);
    frame.style.width = share(right - left);
    frame.style.height = share(bottom - top);
    frame.addEventListener("click", () => picked(index));
    return frame;
  });
}
