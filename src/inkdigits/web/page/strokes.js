/**
 * Paint ink.
 *
 * In: a 2D context and strokes, arrays of points { x, y, width }. Out: their pixels.
 */

export function paintStrokes(context, strokes, colour) {
  context.strokeStyle = context.fillStyle = colour;
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) paintStroke(context, stroke);
}

/** Curves from midpoint to midpoint, each point pulling: smooth, and of a width of its own. */
function paintStroke(context, points) {
  paintDot(context, points[0], points[0].width / 2); // a tap has no length, so no line shows it
  let from = points[0];
  points.forEach((point, i) => {
    const next = points[i + 1] ?? point;
    const to = { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
    context.lineWidth = point.width;
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.quadraticCurveTo(point.x, point.y, to.x, to.y);
    context.stroke();
    from = to;
  });
}

function paintDot(context, { x, y }, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

/** A ring as wide as the pen, filled while the pen is down, with a cross to find it by. */
export function paintCursor(context, { x, y }, width, isDown, colour) {
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 2;
  if (isDown) paintDot(context, { x, y }, width / 2);
  context.beginPath();
  context.arc(x, y, width / 2, 0, 2 * Math.PI);
  for (const [right, down] of [[-1, 0], [1, 0], [0, -1], [0, 1]]) {
    context.moveTo(x + right * (width / 2 + 4), y + down * (width / 2 + 4));
    context.lineTo(x + right * (width / 2 + 14), y + down * (width / 2 + 14));
  }
  context.stroke();
}
