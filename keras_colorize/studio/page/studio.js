// The desk: what is open, what was decided about it, and what can be taken back.

import * as api from "./api.js";
import { Album } from "./album.js";
import { Keeper } from "./keeper.js";
import { markProposal, offerColors, propose, withdrawProposals } from "./offers.js";
import { Panel } from "./panel.js";
import { middle, moved } from "./places.js";
import { Stage } from "./stage.js";

const element = (id) => document.getElementById(id);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

let photo = null; // { id, width, height, toned, initial }
let decisions = null;
let picked = null; // place in decisions.hints
let settled = null; // the decisions that undo goes back to
const references = new Map(); // names, by what decisions call them
let past = [];
let future = [];
let opening = 0; // counts what was opened
let model = null; // { name, least_working_size, knows_likely_colors, looks }

const album = new Album(open);
const stage = new Stage({
  place: (x, y) => add({ x, y, radius: panel.radius, color: panel.color }),
  outline: (outline) => add({ outline, color: panel.color }),
  move: moveTo,
  pick,
  fail,
});
const panel = new Panel({ change, pick, undo, redo, save });
const keeper = new Keeper(api.decide, { kept, done: settle, fail: failToKeep });

// -- telling ------------------------------------------------------------------------------------

let silence;

function tell(text, wrong = false) {
  const status = element("status");
  status.textContent = text;
  status.classList.toggle("wrong", wrong);
  clearTimeout(silence);
  silence = setTimeout(() => (status.textContent = ""), wrong ? 12000 : 4000);
}

function fail(error) {
  tell(error.message, true);
}

/** Something to be done for a person, who is told where it fails. */
const attempt = (action) => (event) => Promise.resolve(action(event)).catch(fail);

function note(text) {
  element("note").textContent = text;
  element("note").hidden = !text;
}

// -- one photograph -----------------------------------------------------------------------------

async function open(id) {
  const turn = ++opening;
  photo = decisions = picked = null;
  [past, future] = [[], []];
  stage.close();
  withdrawProposals();
  show();
  const { name } = album.get(id);
  element("name").textContent = name;
  document.title = `${name} – Studio`;
  tell("");
  note(`Reading ${name} …`);
  let opened;
  try {
    await keeper.rest(); // what is on its way may be about this one
    if (turn !== opening) return; // another one was opened meanwhile
    opened = await api.open(id);
    await knowModel();
  } catch (error) {
    if (error.refused) album.fail(id, error.message);
    if (turn === opening) note(`${name} cannot be shown: ${error.message}`);
    return;
  }
  if (turn !== opening) return;
  photo = { id, ...opened };
  decisions = settled = opened.decisions;
  keeper.know(id, decisions);
  note("");
  panel.setSizes(photo.initial.working_size, model.least_working_size);
  stage.show(photo);
  show();
  offerProposals();
}

async function knowModel() {
  if (model) return;
  model = await api.model();
  panel.setLooks(model.looks);
  for (const id of ["another-palette", "certainty-label"])
    element(id).hidden = !model.knows_likely_colors;
}

function offerProposals() {
  if (model.knows_likely_colors) propose(photo, decisions, takeProposal).then(show).catch(fail);
}

function show() {
  panel.show(decisions, picked, {
    toned: photo?.toned,
    look: photo?.initial.look,
    canUndo: past.length > 0,
    canRedo: future.length > 0,
  });
  stage.setHints(decisions?.hints ?? [], picked);
  const said = decisions?.hints.length || decisions?.palette.length ? " and said" : "";
  const guesses = element("certainty").checked && photo;
  stage.layers.setSide(guesses ? "certainty" : "after");
  element("badge-after").textContent = guesses
    ? "orange: guessed"
    : `colors computed${said}`;
  element("proposals").hidden = !photo || !model.knows_likely_colors;
  if (picked === null) element("likely").hidden = true;
  markProposal(decisions?.proposal);
  element("follow").disabled = !decisions;
  element("unfollow").hidden = !decisions?.reference;
  element("reference").textContent = decisions?.reference
    ? `Colors follow ${references.get(decisions.reference) ?? "a picture that was chosen"}.`
    : "Of the same house, kind or time: what is alike takes its colors.";
  for (const id of ["badge-before", "badge-after"]) element(id).hidden = !photo;
  const state = photo && album.get(photo.id)?.state;
  element("saved").textContent =
    state === "changed" ? "What was decided is kept; the result is not written yet." :
    state === "colored" || state === "corrected" ? "The result is written." : "";
}

/** Decide something; `final`: a step that can be taken back, not one on the way to it. */
function change(next, final) {
  if (final && !same(next, settled)) {
    past.push(settled);
    future = [];
    settled = next;
  }
  apply(next);
}

function apply(next) {
  const hints = next.hints.length;
  if (picked !== null && picked >= hints) picked = hints ? hints - 1 : null;
  decisions = next;
  show();
  stage.setBusy(true);
  keeper.keep(photo.id, decisions);
}

/** Decisions lie on the disk: show what they come to. */
function kept(id) {
  const listed = album.get(id);
  if (listed && listed.state !== "changed") Object.assign(listed, { state: "changed", reason: "" });
  if (photo?.id === id) stage.recolor();
}

/** All of them do. */
function settle() {
  album.select();
  show();
  if (photo && same(decisions, settled)) offerProposals();
}

function failToKeep(error) {
  stage.setBusy(false);
  fail(error);
}

function add(hint) {
  picked = decisions.hints.length;
  panel.use(hint.color);
  change({ ...decisions, hints: [...decisions.hints, hint] }, true);
  offer();
  tell(`${hint.outline ? "Area" : "Point"} ${picked + 1} is ${hint.color}.`);
}

function moveTo(i, x, y, final) {
  const [fromX, fromY] = middle(decisions.hints[i]);
  const hints = decisions.hints.map((hint, j) =>
    j === i ? moved(hint, x - fromX, y - fromY) : hint,
  );
  if (final && same(decisions, settled)) return; // it was clicked, not moved
  change({ ...decisions, hints }, final);
}

function pick(i) {
  picked = i;
  show();
  offer();
}

/** Colors that are likely where the picked point is. */
function offer() {
  if (!model.knows_likely_colors) return;
  const [id, at] = [photo.id, picked];
  const current = () => photo?.id === id && picked === at;
  const take = (color) => panel.recolor(at, color, true);
  offerColors(photo, decisions.hints[at], take, current).catch(fail);
}

function takeProposal(proposal) {
  change({ ...decisions, proposal }, true);
}

/** Take the colors of another picture. */
async function follow(files) {
  if (!files.length) return;
  const { id } = photo;
  tell(`Reading ${files[0].name} …`);
  const { reference } = await api.addReference(files[0]);
  references.set(reference, files[0].name);
  if (photo?.id !== id) throw new Error("Another photograph was opened; choose the picture again.");
  change({ ...decisions, reference, palette: [] }, true);
}

function step(from, to) {
  if (!from.length) return;
  to.push(settled);
  settled = from.pop();
  apply(settled);
}

function undo() {
  step(past, future);
}

function redo() {
  step(future, past);
}

async function save() {
  const { id } = photo;
  element("save").disabled = true;
  try {
    await keeper.rest();
    const record = await api.save(id);
    if (record.status === "failed") throw new Error(`Not saved: ${record.reason}`);
    const warnings = record.warnings ? ` (${record.warnings})` : "";
    tell(`Saved as ${record.output}${warnings}.`);
  } catch (error) {
    fail(error);
  }
  await album.refresh().catch(fail);
  show();
}

// -- the album ----------------------------------------------------------------------------------

async function colorAll() {
  const order = { photos: album.ids(element("which").value) };
  if (!order.photos.length) throw new Error("No photograph is chosen. Space or a click on the box chooses.");
  if (element("settings-too").checked && decisions) {
    const { saturation, look, working_size, remove_tint } = decisions;
    Object.assign(order, { saturation, look, working_size, remove_tint });
  }
  if (element("colors-too").checked && decisions) {
    const { reference, palette } = decisions;
    Object.assign(order, { reference, palette });
  }
  await keeper.rest();
  await api.colorAlbum(order);
  await watch();
}

/** Show how far the album is, until it is done. */
async function watch() {
  element("work").hidden = false;
  element("color-all").disabled = true;
  let progress;
  try {
    do {
      await new Promise((resolve) => setTimeout(resolve, 400));
      progress = await api.progress();
      element("progress").max = Math.max(progress.total, 1);
      element("progress").value = progress.done;
      element("progress-text").textContent = `${progress.done} of ${progress.total}`;
      await album.refresh();
    } while (progress.running);
  } finally {
    element("work").hidden = true;
    element("color-all").disabled = false;
  }
  const failed = progress.failed ? `, ${progress.failed} failed` : "";
  const ended = progress.reason && ` It ended early: ${progress.reason}. Mend that, and start it again.`;
  const wrong = progress.failed > 0 || progress.reason !== "";
  tell(`${progress.done} of ${progress.total} photographs colored${failed}.${ended}`, wrong);
  const changed = element("settings-too").checked || element("colors-too").checked;
  if (photo && changed) open(photo.id);
  else show();
}

async function addFiles(files) {
  let last = null;
  const problems = [];
  for (const file of files) {
    tell(`Adding ${file.name} …`);
    try {
      last = (await api.upload(file)).id;
    } catch (error) {
      problems.push(`${file.name}: ${error.message}`);
    }
  }
  await album.refresh();
  if (last) album.open(last);
  if (problems.length) tell(`Not added: ${problems.join("; ")}`, true);
  else tell(`${files.length} added.`);
}

// -- hands --------------------------------------------------------------------------------------

for (const input of document.querySelectorAll('input[name="tool"]'))
  input.addEventListener("change", () => stage.hands.setTool(input.value));
element("smaller").addEventListener("click", () => stage.view.zoomTo(stage.view.scale / 1.5));
element("larger").addEventListener("click", () => stage.view.zoomTo(stage.view.scale * 1.5));
element("fit").addEventListener("click", () => stage.view.fit());
element("actual").addEventListener("click", () => stage.view.zoomTo(1 / devicePixelRatio));
element("add").addEventListener("click", () => element("files").click());
element("files").addEventListener("change", attempt((event) => addFiles([...event.target.files])));
element("certainty").addEventListener("change", show);
element("follow").addEventListener("click", () => element("reference-file").click());
element("unfollow").addEventListener("click", () =>
  change({ ...decisions, reference: null }, true),
);
element("reference-file").addEventListener(
  "change",
  attempt((event) => follow([...event.target.files])),
);
element("color-all").addEventListener("click", attempt(colorAll));
element("stop").addEventListener("click", attempt(api.stop));

document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.target.matches('input[type="search"]')) return;
  const key = event.key.toLowerCase();
  if (key === "z" && !event.shiftKey) undo();
  else if (key === "y" || key === "z") redo();
  else if (key === "s" && photo) save();
  else return;
  event.preventDefault();
});

for (const name of ["dragover", "dragleave", "drop"])
  document.addEventListener(name, (event) => {
    event.preventDefault();
    element("drop").hidden = name !== "dragover";
  });
document.addEventListener("drop", attempt((event) => addFiles([...event.dataTransfer.files])));

async function begin() {
  show();
  note("Choose a photograph.");
  const { output } = await api.album();
  element("where").textContent = `Results: ${output.split("/").at(-1)}`;
  element("where").title = output;
  await album.refresh();
  if (!album.photos.length) note("Drop photographs here, or choose “Add photographs”.");
  await knowModel();
  element("where").textContent += ` · Model: ${model.name}`;
  if ((await api.progress()).running) await watch();
}

begin().catch((error) => note(error.message));
