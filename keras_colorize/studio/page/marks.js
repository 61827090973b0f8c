// What is drawn over a photograph: white within black, to be seen on any.

/** Draw a path several times over: pairs of a width and a color, the widest first. */
function strokes(context, ...pairs) {
  for (const [width, color] of pairs) {
    context.lineWidth = width;
    context.strokeStyle = color;
    context.stroke();
  }
}

/** A place whose color was said. */
export function drawPoint(context, [x, y], color, picked) {
  for (const radius of picked ? [13, 8] : [8]) {
    context.beginPath();
    context.arc(x, y, radius, 0, 7);
    if (radius === 8) {
      context.fillStyle = color;
      context.fill();
    }
    strokes(context, [4, "#000"], [2, "#fff"]);
  }
}

/** An area, or as much of one as is drawn yet. */
export function drawOutline(context, corners, color, closed) {
  context.beginPath();
  for (const [x, y] of corners) context.lineTo(x, y);
  if (closed) context.closePath();
  strokes(context, [5, "#000"], [3, "#fff"], [2, color]);
}

/** Where the keyboard is. */
export function drawCross(context, [x, y]) {
  context.beginPath();
  context.moveTo(x - 14, y);
  context.lineTo(x + 14, y);
  context.moveTo(x, y - 14);
  context.lineTo(x, y + 14);
  strokes(context, [5, "#000"], [2, "#fff"]);
}
