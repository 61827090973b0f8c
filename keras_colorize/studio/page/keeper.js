// What was decided, on its way to the disk: each with the photograph that it is about, whichever
// is looked at meanwhile.

export class Keeper {
  /** `send(id, decisions)` keeps them; `on` holds what to do: kept(id), done(), fail(error). */
  constructor(send, on) {
    this.send = send;
    this.on = on;
    this.waiting = new Map(); // decisions by the photograph's id
    this.working = null;
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
        await this.send(id, decisions);
        this.on.kept(id);
      } catch (error) {
        this.on.fail(error);
      }
    }
    this.working = null;
    this.on.done();
  }
}
