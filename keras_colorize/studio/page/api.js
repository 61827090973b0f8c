// What the server answers. The token stands in the address behind "#", which is sent to nobody.

const token = location.hash.slice(1);

/** Ask; throws an Error with the server's reason; `refused`: what was asked for cannot be had. */
async function ask(method, path, { body, signal } = {}) {
  let answer;
  try {
    answer = await fetch(path, { method, body, signal, headers: { "x-studio-token": token } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The studio does not answer. Was it ended? Start it again.");
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  const reason = told.error ?? `The studio failed (${answer.status}); see where it was started.`;
  throw Object.assign(new Error(reason), { refused: answer.status === 400 });
}

const photo = (id, rest = "") => `api/photos/${id}${rest}`;
const json = (content) => ({ body: JSON.stringify(content) });

export const album = async () => (await ask("GET", "api/album")).json();
export const model = async () => (await ask("GET", "api/model")).json();
export const open = async (id) => (await ask("GET", photo(id))).json();
export const decide = (id, changes) => ask("PATCH", photo(id, "/decisions"), json(changes));
export const save = async (id) => (await ask("POST", photo(id, "/result"))).json();
export const colorAlbum = (order) => ask("POST", "api/album/coloring", json(order));
export const progress = async () => (await ask("GET", "api/album/coloring")).json();
export const stop = () => ask("DELETE", "api/album/coloring");
export const thumbnail = async (id, signal) =>
  (await ask("GET", photo(id, "/thumbnail"), { signal })).blob();

export const likely = async (id, x, y) =>
  (await ask("GET", photo(id, `/likely?${new URLSearchParams({ x, y })}`))).json();

/** One of the colorings that the model proposes, small. */
export async function proposal(id, number, width) {
  const query = new URLSearchParams({ left: 0, top: 0, right: 1, bottom: 1, width,
    side: "after", proposal: number });
  return (await ask("GET", photo(id, `/view?${query}`))).blob();
}

/** A part of a photograph as a bitmap; `box` holds its edges, relative. */
export async function view(id, side, box, width) {
  const query = new URLSearchParams({ ...box, side, width: String(Math.ceil(width)) });
  return createImageBitmap(await (await ask("GET", photo(id, `/view?${query}`))).blob());
}

/** A color photograph that others are to follow; what decisions call it. */
export const addReference = async (file) =>
  (await ask("PUT", `api/references/${encodeURIComponent(file.name)}`, { body: file })).json();

export const upload = async (file) =>
  (await ask("PUT", `api/uploads/${encodeURIComponent(file.name)}`, { body: file })).json();
