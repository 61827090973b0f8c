// What was decided, on its way to the disk: each with the photograph that it is about, whichever
// is looked at meanwhile.

export class Keeper {
  /** `send(id, changes)` keeps some of them; `on` holds what to do: kept(id), done(), fail(error). */
  constructor(send, on) {
    this.send = send;
    this.on = on;
    this.known = new Map(); // decisions that lie on the disk, by the photograph's id
    this.waiting = new Map(); // those that are to
    this.working = null;
  }

  /** Take for known what was decided about a photograph. */
  know(id, decisions) {
    this.known.set(id, decisions);
  }

  /** Keep what was decided about a photograph; of many that wait, the last. */
  keep(id, decisions) {
    this.waiting.set(id, decisions);
    this.working ??= this.work();
  }

  /** Wait until nothing is on its way any more. */
  async rest() {
    while (this.working) await this.working;
  }

  async work() {
    while (this.waiting.size) {
      const [[id, decisions]] = this.waiting;
      this.waiting.delete(id);
      try {
        await this.send(id, changes(this.known.get(id), decisions));
        this.known.set(id, decisions);
        this.on.kept(id);
      } catch (error) {
        this.on.fail(error);
      }
    }
    this.working = null;
    this.on.done();
  }
}

/** What is decided otherwise than before, and about which photograph: the album may be colored at
 * the same time, and others of its decisions be changed. */
function changes(before, decisions) {
  const changed = Object.entries(decisions).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name]),
  );
  return { photo: decisions.photo, ...Object.fromEntries(changed) };
}
