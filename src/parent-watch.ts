// The bootstrap holds a channel to this process and sends nothing through it. When the bootstrap dies without a
// word (kill -9, a closed container shell), the channel breaks, and this program ends itself in its usual way.

/** Calls `onGone` once when the process that started this one is gone. Without such a channel it does nothing. */
export function watchParent(onGone: () => void): void {
  const { channel } = process;
  if (channel === undefined) return;
  process.once('disconnect', onGone);
  // Waiting for the parent alone keeps no program alive.
  channel.unref();
}
