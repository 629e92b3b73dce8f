/**
 * vLLM's scheduler, as far as times depend on it: first come, first served; requests that run before those that wait;
 * prompts in chunks; limits of tokens and requests; KV blocks, and preemption where they run out.
 *
 * @module
 */
import type { Batch } from "../predict/batch.ts";
import { requestBlocks } from "../predict/batch_blocks.ts";
import { type Holder, type KvPool, kvPool } from "./kv_pool.ts";
import type { ServerSettings } from "./server.ts";

/** A request within the server. */
export interface RunningRequest extends Holder {
  /** Its place in the load. */
  readonly place: number;
  /** Tokens of its prompt. */
  readonly inputTokens: number;
  /** Tokens of its answer. */
  readonly outputTokens: number;
  /** The prefix that it shares. */
  readonly shares: { readonly name: string; readonly tokens: number } | null;
  /** Tokens that are computed or scheduled. */
  computed: number;
  /** Tokens of the answer that are made or scheduled. */
  made: number;
  /** Tokens that must be computed before the next one is made: the prompt, after a preemption the answer so far too. */
  goal: number;
  /** How often it was preempted. */
  preemptions: number;
}

/** A step that was scheduled. */
export interface ScheduledStep {
  /** Its batch. */
  readonly batch: Batch;
  /** The requests that make a token in it. */
  readonly makers: readonly RunningRequest[];
  /** Requests in it. */
  readonly requests: number;
}

/** The scheduler of a server. */
export interface Scheduler {
  /** Requests that run. */
  readonly running: readonly RunningRequest[];
  /** Requests that wait. */
  readonly waiting: number;
  /** The KV blocks. */
  readonly pool: KvPool;
  /** Preemptions so far. */
  readonly preemptions: number;
  /** Adds a request. */
  add(request: RunningRequest): void;
  /** Schedules the next step, null when there is nothing to compute. */
  schedule(): ScheduledStep | null;
  /** Takes a request out that is done. */
  finish(request: RunningRequest): void;
}

/**
 * Makes a scheduler.
 *
 * @param settings The server's limits.
 * @returns The scheduler.
 */
export function scheduler(settings: ServerSettings): Scheduler {
  const { maxNumBatchedTokens, maxNumSeqs, blockSize, prefixCaching = false } = settings;
  // One block of vLLM's pool holds nothing: unused places of block tables point at it.
  const pool = kvPool(settings.numBlocks - 1);
  const running: RunningRequest[] = [];
  const waiting: RunningRequest[] = [];
  let head = 0;
  let preemptions = 0;

  /** Blocks of a request with so many tokens computed and added. */
  const blocksFor = (history: number, added: number): number =>
    requestBlocks(settings, { tokens: history + added, history });

  /** Preempts the last request that has tokens to make; one whose last token is on its way is about to leave. */
  function preempt(): RunningRequest {
    const at = running.findLastIndex(({ made, outputTokens }) => made < outputTokens);
    const [last] = running.splice(at, 1) as [RunningRequest];
    pool.release(last);
    last.goal = last.inputTokens + last.made;
    last.preemptions++;
    preemptions++;
    if (head > 0) waiting[--head] = last;
    else waiting.unshift(last);
    return last;
  }

  /** Takes `tokens` of a request into the step. */
  function take(request: RunningRequest, tokens: number, step: Step): void {
    if (tokens === 1 && request.computed > 0) step.decodes.push({ kv: request.computed, count: 1 });
    else step.prefills.push({ chunk: tokens, history: request.computed });
    request.computed += tokens;
    if (prefixCaching && request.shares !== null) {
      const { name, tokens: shared } = request.shares;
      pool.share(request, name, Math.floor(Math.min(shared, request.computed) / blockSize));
    }
    if (request.computed < request.goal) return;
    request.made++;
    request.goal = request.computed + 1;
    step.makers.push(request);
  }

  function admit(request: RunningRequest, budget: number): number | null {
    let cached = 0;
    if (prefixCaching && request.shares !== null) {
      const most = Math.floor(Math.min(request.shares.tokens, request.goal - 1) / blockSize);
      cached = pool.findPrefix(request, request.shares.name, most);
    }
    const tokens = Math.min(request.goal - cached * blockSize, budget);
    const last = Math.min(request.goal, maxNumBatchedTokens);
    if (!pool.hasRoom(blocksFor(request.goal - last, last) - cached)) {
      pool.release(request);
      return null;
    }
    pool.resize(request, blocksFor(cached * blockSize, tokens));
    request.computed = cached * blockSize;
    return tokens;
  }

  return {
    running,
    pool,
    get waiting() {
      return waiting.length - head;
    },
    get preemptions() {
      return preemptions;
    },
    add: (request) => void waiting.push(request),
    schedule(): ScheduledStep | null {
      const step: Step = { prefills: [], decodes: [], makers: [] };
      let budget = maxNumBatchedTokens;
      let preempted = false;
      for (let at = 0; at < running.length && budget > 0; at++) {
        const request = running[at]!;
        if (request.made >= request.outputTokens) continue; // Its last token is on its way.
        const tokens = Math.min(request.goal - request.computed, budget);
        let granted = pool.resize(request, blocksFor(request.computed, tokens));
        while (!granted) {
          preempted = true;
          if (preempt() === request) break;
          granted = pool.resize(request, blocksFor(request.computed, tokens));
        }
        if (!granted) break;
        take(request, tokens, step);
        budget -= tokens;
      }
      while (!preempted && budget > 0 && head < waiting.length && running.length < maxNumSeqs) {
        const request = waiting[head]!;
        const tokens = admit(request, budget);
        if (tokens === null) break;
        head++;
        running.push(request);
        take(request, tokens, step);
        budget -= tokens;
      }
      if (head > 1024 && head * 2 > waiting.length) head = (waiting.splice(0, head), 0);
      const requests = step.prefills.length + step.decodes.length;
      return requests === 0 ? null : { batch: step, makers: step.makers, requests };
    },
    finish(request): void {
      running.splice(running.indexOf(request), 1);
      pool.release(request);
    },
  };
}

/** A step in the making. */
interface Step {
  readonly prefills: { chunk: number; history: number }[];
  readonly decodes: { kv: number; count: number }[];
  readonly makers: RunningRequest[];
}
