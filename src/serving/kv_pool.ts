/**
 * The KV blocks of a simulated server.
 *
 * @module
 */

/** The part of a request that the pool needs. */
export interface Holder {
  /** Blocks that it holds, those of a shared prefix left out. */
  blocks: number;
  /** The shared prefix that it uses and how many of its blocks, null for none. */
  prefix: { readonly of: SharedPrefix; readonly blocks: number } | null;
}

/** Blocks that requests with the same prefix share. */
interface SharedPrefix {
  /** Blocks that are computed and kept. */
  blocks: number;
  /** How many requests use so many of them, from the first. */
  readonly users: Map<number, number>;
  /** The most that a request uses. */
  inUse: number;
  /** When they were last used, a count of uses. */
  usedAt: number;
}

/** KV blocks: what requests hold, and prefixes that are kept while there is room. */
export interface KvPool {
  /** Blocks in all. */
  readonly size: number;
  /** Blocks that requests hold. */
  readonly held: number;
  /** Blocks of a prefix that are there, at most so many; the request uses them from now on. */
  findPrefix(holder: Holder, name: string, most: number): number;
  /** Gives a request blocks up to a number, or takes what it has above it; false, and nothing changes, without room. */
  resize(holder: Holder, blocks: number): boolean;
  /** Whether so many more blocks could be given. */
  hasRoom(blocks: number): boolean;
  /** Keeps the first blocks of a request for others with the same prefix, behind those that are kept already. */
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

  /** Counts a request more or fewer that uses so many blocks of a prefix. */
  function count(prefix: SharedPrefix, blocks: number, more: number): void {
    const users = (prefix.users.get(blocks) ?? 0) + more;
    if (users === 0) prefix.users.delete(blocks);
    else prefix.users.set(blocks, users);
    inUse -= prefix.inUse;
    inUse += prefix.inUse = Math.max(0, ...prefix.users.keys());
  }

  /** Drops last blocks that nobody uses, of the prefix that was not used for longest first, until there is room. */
  function makeRoom(blocks: number): boolean {
    if (size - own - inUse < blocks) return false;
    while (size - own - kept < blocks) {
      let oldest: [string, SharedPrefix] | null = null;
      for (const entry of prefixes) {
        const [, prefix] = entry;
        const unused = prefix.blocks > prefix.inUse;
        if (unused && (oldest === null || prefix.usedAt < oldest[1].usedAt)) oldest = entry;
      }
      const [name, prefix] = oldest!;
      const dropped = Math.min(prefix.blocks - prefix.inUse, blocks - (size - own - kept));
      prefix.blocks -= dropped;
      kept -= dropped;
      if (prefix.blocks === 0) prefixes.delete(name);
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
      const blocks = Math.min(prefix?.blocks ?? 0, most);
      if (prefix === undefined || blocks <= 0) return 0;
      count(prefix, blocks, 1);
      prefix.usedAt = ++clock;
      holder.prefix = { of: prefix, blocks };
      return blocks;
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
      const known = prefixes.get(name);
      const uses = holder.prefix?.blocks ?? 0;
      const added = blocks - uses;
      // Blocks that another request has computed beside it are kept once, and its own are nobody else's.
      if (added <= 0 || added > holder.blocks || (known?.blocks ?? 0) !== uses) return;
      const prefix = known ?? { blocks: 0, users: new Map(), inUse: 0, usedAt: 0 };
      prefixes.set(name, prefix);
      prefix.blocks = blocks;
      prefix.usedAt = ++clock;
      if (holder.prefix !== null) count(prefix, uses, -1);
      count(prefix, blocks, 1);
      holder.prefix = { of: prefix, blocks };
      holder.blocks -= added;
      own -= added;
      kept += added;
    },
    release(holder): void {
      own -= holder.blocks;
      holder.blocks = 0;
      const { prefix } = holder;
      holder.prefix = null;
      if (prefix !== null) count(prefix.of, prefix.blocks, -1);
    },
  };
}
