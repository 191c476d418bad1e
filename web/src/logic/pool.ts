// Works on all of them, so many at a time, in their order.
export async function forEachOf<T>(
    items: T[], atATime: number, work: (item: T) => Promise<void>) {
  let next = 0;
  const worker = async () => {
    while (next < items.length) await work(items[next++]!);
  };
  await Promise.all(
      Array.from({length: Math.min(atATime, items.length)}, worker));
}
