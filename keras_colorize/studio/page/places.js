// Places whose color was said: a point { x, y, radius }, or an area { outline }, both relative.

const keep = (value) => Math.min(Math.max(value, 0), 1);

/** Where one is taken hold of. */
export function middle(hint) {
  if (!hint.outline) return [hint.x, hint.y];
  const sum = hint.outline.reduce(([a, b], [x, y]) => [a + x, b + y], [0, 0]);
  return sum.map((value) => value / hint.outline.length);
}

/** One at another place; an area keeps its shape, and its corners stay within the photograph. */
export function moved(hint, dx, dy) {
  if (!hint.outline) return { ...hint, x: keep(hint.x + dx), y: keep(hint.y + dy) };
  const room = (axis, by) => {
    const values = hint.outline.map((corner) => corner[axis]);
    return Math.min(Math.max(by, -Math.min(...values)), 1 - Math.max(...values));
  };
  const [sx, sy] = [room(0, dx), room(1, dy)];
  return { ...hint, outline: hint.outline.map(([x, y]) => [keep(x + sx), keep(y + sy)]) };
}

/** In words where one is: "upper left". */
export function describe(hint) {
  const [x, y] = middle(hint);
  const row = ["upper", "middle", "lower"][Math.min(Math.floor(3 * y), 2)];
  const column = ["left", "center", "right"][Math.min(Math.floor(3 * x), 2)];
  return row === "middle" && column === "center" ? "center" : `${row} ${column}`;
}
