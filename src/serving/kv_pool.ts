/**
 * The KV blocks of a simulated server.
 *
 * @module
 */

/** The part of a request that the pool needs. */
export interface Holder {
  /** Blocks that it holds, those of a shared prefix left out. */
  blocks: number;
  /** The shared prefix that it uses, null for none. */
  prefix: SharedPrefix | null;
}

/** Blocks that requests with the same prefix share. */
interface SharedPrefix {
  /** Blocks that are computed and kept. */
  blocks: number;
  /** Requests that use them. */
  users: number;
  /** When they were last used, a count of uses. */
  usedAt: number;
}

/** KV blocks: what requests hold, and prefixes that are kept while there is room. */
export interface KvPool {
  /** Blocks in all. */
  readonly size: number;
  /** Blocks that requests hold. */
  readonly held: number;
  /** Blocks of a prefix that are there; the request uses them from now on. */
  findPrefix(holder: Holder, name: string, most: number): number;
  /** Gives a request blocks up to a number, or takes what it has above it; false, and nothing changes, without room. */
  resize(holder: Holder, blocks: number): boolean;
  /** Whether so many more blocks could be given. */
  hasRoom(blocks: number): boolean;
  /** Keeps the first blocks of a request for others with the same prefix. */
  share(holder: Holder, name: string, blocks: number): void;
  /** Takes everything back that a request holds. */
  release(holder: Holder): void;
}

/**
 * Makes a pool.
 *
 * @param size Blocks in all.
 * @returns The pool.
 */
export function kvPool(size: number): KvPool {
  const prefixes = new Map<string, SharedPrefix>();
  let own = 0;
  let kept = 0;
  let inUse = 0;
  let clock = 0;

  /** Drops the prefixes that nobody uses, the longest unused first, until there is room. */
  function makeRoom(blocks: number): boolean {
    if (size - own - inUse < blocks) return false;
    while (size - own - kept < blocks) {
      let oldest: [string, SharedPrefix] | null = null;
      for (const entry of prefixes) {
        if (entry[1].users === 0 && (oldest === null || entry[1].usedAt < oldest[1].usedAt)) oldest = entry;
      }
      prefixes.delete(oldest![0]);
      kept -= oldest![1].blocks;
    }
    return true;
  }

  return {
    size,
    get held() {
      return own + inUse;
    },
    findPrefix(holder, name, most): number {
      const prefix = prefixes.get(name);
      if (prefix === undefined || prefix.blocks > most) return 0;
      if (prefix.users++ === 0) inUse += prefix.blocks;
      prefix.usedAt = ++clock;
      holder.prefix = prefix;
      return prefix.blocks;
    },
    resize(holder, blocks): boolean {
      const more = blocks - holder.blocks - (holder.prefix?.blocks ?? 0);
      if (more > 0 && !makeRoom(more)) return false;
      holder.blocks += more;
      own += more;
      return true;
    },
    hasRoom: (blocks) => size - own - inUse >= blocks,
    share(holder, name, blocks): void {
      if (holder.prefix !== null || blocks === 0 || blocks > holder.blocks || prefixes.has(name)) return;
      const prefix = { blocks, users: 1, usedAt: ++clock };
      prefixes.set(name, prefix);
      holder.prefix = prefix;
      holder.blocks -= blocks;
      own -= blocks;
      kept += blocks;
      inUse += blocks;
    },
    release(holder): void {
      own -= holder.blocks;
      holder.blocks = 0;
      const { prefix } = holder;
      holder.prefix = null;
      if (prefix !== null && --prefix.users === 0) inUse -= prefix.blocks;
    },
  };
}
