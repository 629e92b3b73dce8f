/**
 * The fit that v1.2 reads, checked as it checks it when it loads a bundle.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { BundleFiles } from "../../bundle/files.ts";
import type { Issue } from "../../bundle/issue.ts";
import { metaPath, tablePath } from "../../bundle/layout.ts";
import type { LazyTables } from "../../bundle/lazy_tables.ts";
import type { Meta, SkewFitEntry } from "../../bundle/meta.ts";
import { type Calibration, CALIBRATION_SCHEMA } from "../../bundle/meta_blocks.ts";
import { LOOKUPS_SHA256 } from "../../bundle/simulator.ts";
import type { SkewCell } from "../../bundle/skew_cells.ts";
import { plural } from "../../count_text.ts";
import { readIfThere } from "../../files/read.ts";
import { keySaturation } from "../../model/blocks.ts";
import type { Model } from "../../model/model.ts";
import { kernelName } from "../../predict/calibration.ts";

/** SHA-256 of files by path, in hex; null where there is none. */
export type FileHashes = ReadonlyMap<string, string | null>;

/**
 * The degrees that have a fit in v1.2's form.
 *
 * @param meta What meta.yaml says.
 * @returns The degrees as they stand there, and their entries.
 */
export function calibratedDegrees({ skew_fit: fit }: Meta): [tp: string, entry: SkewFitEntry][] {
  return Object.entries(fit?.per_tp ?? {}).filter(([, entry]) => "schema" in entry);
}

/**
 * Hashes the files that a fit in v1.2's form names.
 *
 * @param dir The bundle's folder.
 * @param meta What meta.yaml says.
 * @returns The hashes of attention.csv and skew_fit.csv of every degree that has one.
 */
export async function hashFiles(dir: string, meta: Meta): Promise<FileHashes> {
  const paths = calibratedDegrees(meta).flatMap(([tp]) => [
    tablePath(dir, Number(tp), "attention"),
    tablePath(dir, Number(tp), "skew_fit"),
  ]);
  return new Map(
    await Promise.all(paths.map(async (path) => {
      const bytes = await readIfThere(path);
      return [path, bytes === null ? null : createHash("sha256").update(bytes).digest("hex")] as const;
    })),
  );
}

/**
 * Checks meta.yaml's skew_fit block as v1.2 reads it.
 *
 * @param files The bundle's files.
 * @param tables Their content.
 * @param meta What meta.yaml says.
 * @param hashes The files' hashes.
 * @param model The bundle's model; without it nobody knows how much of a history its kernels read.
 * @returns What v1.2 refuses.
 */
export function checkCalibration(
  files: BundleFiles,
  tables: LazyTables,
  meta: Meta,
  hashes: FileHashes,
  model?: Model,
): Issue[] {
  const degrees = calibratedDegrees(meta);
  const issues = degrees.length > 0 ? nameIssues(files.dir, meta) : [];
  if (meta.skew_fit?.enabled !== true) return issues;
  const path = metaPath(files.dir);
  const entries = Object.entries(meta.skew_fit.per_tp ?? {});
  const legacy = entries.find(([, entry]) => entry["schema"] !== CALIBRATION_SCHEMA);
  if (entries.length === 0 || legacy !== undefined) {
    return [...issues, {
      code: "skew-fit-legacy",
      severity: "error",
      path,
      column: legacy === undefined ? "skew_fit.per_tp" : `skew_fit.per_tp.${legacy[0]}.schema`,
      message: "v1.2 refuses the bundle: an enabled fit must be in its form at every degree",
      found: String(legacy?.[1]["schema"] ?? "nothing"),
      expected: `${CALIBRATION_SCHEMA}, or skew_fit.enabled false; shotlab fit --simulator v1.2 writes it`,
    }];
  }
  return [
    ...issues,
    ...degrees.flatMap(([tp, entry]) =>
      entryIssues({ files, tables, meta, hashes, model, tp: Number(tp), entry })
    ),
  ];
}

/** The names in meta.yaml are those of the folders, even where the fit is off. */
function nameIssues(dir: string, { hardware, model, variant }: Meta): Issue[] {
  const [folderVariant, name, org, folderHardware] = resolve(dir).split("/").reverse();
  const pairs = [
    ["hardware", hardware, folderHardware],
    ["model", model, `${org}/${name}`],
    ["variant", variant, folderVariant],
  ] as const;
  return pairs.flatMap(([column, found, expected = ""]) =>
    found === expected ? [] : [{
      code: "name-differs",
      severity: "error" as const,
      path: metaPath(dir),
      column,
      message: "v1.2 refuses a bundle with a fit in its form whose folders have other names",
      found: found ?? "nothing",
      expected,
    }]
  );
}

/** A degree's entry and what it is compared with. */
interface EntryAt {
  readonly files: BundleFiles;
  readonly tables: LazyTables;
  readonly meta: Meta;
  readonly hashes: FileHashes;
  readonly model: Model | undefined;
  readonly tp: number;
  readonly entry: SkewFitEntry;
}

function entryIssues(at: EntryAt): Issue[] {
  const path = metaPath(at.files.dir);
  const key = `skew_fit.per_tp.${at.tp}`;
  const fit = at.entry as unknown as Partial<Calibration>;
  const lacking = REQUIRED.find((name) => fit[name] === undefined);
  if (lacking !== undefined) {
    return [{
      code: "skew-fit-entry",
      severity: "error",
      path,
      column: `${key}.${lacking}`,
      message: "v1.2 refuses a fit that does not say it",
    }];
  }
  const whole = fit as Calibration;
  const fault = (code: string, column: string, message: string, found: unknown, expected: string): Issue => ({
    code,
    severity: "error",
    path,
    column: `${key}.${column}`,
    message,
    found: typeof found === "string" ? found : JSON.stringify(found) ?? "nothing",
    expected,
  });
  return [
    ...identityIssues(at, whole, fault),
    ...staleIssues(at, whole, fault),
    ...saturationIssues(at.model, whole, fault),
    ...axisIssues(whole, fault),
    ...kernelIssues(whole, fault),
    ...cellIssues(at, whole),
  ];
}

type Fault = (code: string, column: string, message: string, found: unknown, expected: string) => Issue;

const REQUIRED = [
  "identity",
  "reference",
  "min_rows",
  "axes",
  "alpha_clip",
  "alpha_default_by_kernel",
  "n_range_by_kernel",
  "bucket_table",
  "bucket_table_sha256",
] as const;

function identityIssues({ meta, tp }: EntryAt, { identity }: Calibration, fault: Fault): Issue[] {
  const expected = { hardware: meta.hardware, model: meta.model, variant: meta.variant, tp };
  return Object.entries(expected).flatMap(([name, value]) => {
    const found = (identity as unknown as Record<string, unknown>)[name];
    return found === value ? [] : [
      fault(
        "skew-fit-identity",
        `identity.${name}`,
        "The fit is another bundle's or degree's",
        found,
        `${value}`,
      ),
    ];
  });
}

function staleIssues({ files, hashes, tp }: EntryAt, fit: Calibration, fault: Fault): Issue[] {
  const of = (table: "attention" | "skew_fit"): string =>
    hashes.get(tablePath(files.dir, tp, table)) ?? "no file";
  const pairs = [
    ["reference.attention_sha256", fit.reference.attention_sha256, of("attention")],
    ["reference.lookup_sha256", fit.reference.lookup_sha256, LOOKUPS_SHA256],
    ["bucket_table_sha256", fit.bucket_table_sha256, of("skew_fit")],
  ] as const;
  const stale = pairs.flatMap(([column, found, expected]) =>
    found === expected ? [] : [
      fault(
        "skew-fit-stale",
        column,
        "v1.2 refuses the fit as stale; shotlab fit --simulator v1.2 makes it anew",
        found,
        expected,
      ),
    ]
  );
  const table = `tp${tp}/skew_fit.csv`;
  return fit.bucket_table === table ? stale : [
    ...stale,
    fault("skew-fit-table", "bucket_table", "The fit names another table", fit.bucket_table, table),
  ];
}

function saturationIssues(model: Model | undefined, { reference }: Calibration, fault: Fault): Issue[] {
  if (model === undefined) return [];
  const kernels = Object.entries(model.architecture.catalog.attention)
    .map(([layer, { key_saturates = false }]) => [layer, key_saturates] as const);
  const pairs = [
    ["key_saturation", reference.key_saturation, keySaturation(model.config)],
    ["saturation_by_layer", sorted(reference.saturation_by_layer), sorted(Object.fromEntries(kernels))],
  ] as const;
  return pairs.flatMap(([column, found, expected]) =>
    JSON.stringify(found) === JSON.stringify(expected) ? [] : [
      fault(
        "skew-fit-saturation",
        `reference.${column}`,
        "v1.2 refuses a fit for kernels that read another part of a history",
        found,
        JSON.stringify(expected),
      ),
    ]
  );
}

function sorted(values: Readonly<Record<string, boolean>>): [string, boolean][] {
  return Object.entries(values).sort(([a], [b]) => a < b ? -1 : 1);
}

function axisIssues({ axes }: Calibration, fault: Fault): Issue[] {
  return (["pc", "lev"] as const).flatMap((axis) => {
    const bins = axes[`${axis}_bins`];
    const labels = axes[`${axis}_labels`];
    const rising = bins.every((edge, i) => i === 0 || edge > bins[i - 1]!);
    const named = labels.length === bins.length - 1 && new Set(labels).size === labels.length &&
      !labels.some((label) => label.includes("|"));
    return [
      ...rising
        ? []
        : [fault("skew-fit-axes", `axes.${axis}_bins`, "The edges must rise", bins, "rising numbers")],
      ...named ? [] : [
        fault(
          "skew-fit-axes",
          `axes.${axis}_labels`,
          "The labels must tell the bins apart",
          labels,
          `${plural(bins.length - 1, "unlike text")} without |`,
        ),
      ],
    ];
  });
}

function kernelIssues(
  { alpha_default_by_kernel: defaults, n_range_by_kernel: ranges }: Calibration,
  fault: Fault,
): Issue[] {
  const names = (values: object): string => Object.keys(values).sort().join(", ");
  const valid = ([least, most]: readonly number[]): boolean =>
    Number.isInteger(least) && Number.isInteger(most) && least! >= 2 && least! <= most!;
  return [
    ...names(defaults) === names(ranges) ? [] : [
      fault(
        "skew-fit-kernels",
        "n_range_by_kernel",
        "Defaults and ranges must be of the same kernels",
        names(ranges),
        names(defaults),
      ),
    ],
    ...Object.entries(ranges).filter(([, range]) => !valid(range)).map(([kernel, range]) =>
      fault(
        "skew-fit-range",
        `n_range_by_kernel.${kernel}`,
        "The range must be of decodes",
        range,
        "two whole numbers from 2, the lesser first",
      )
    ),
  ];
}

function cellIssues({ files, tables, tp }: EntryAt, fit: Calibration): Issue[] {
  const before = new Map<string, number>();
  return tables.skewCells(tp).rows.flatMap((cell): Issue[] => {
    const name = `${kernelName(cell.layer, cell.decode_q_len)}|${cell.pc_label}|${cell.lev_label}`;
    const rule = cellFault(cell, fit, before.get(name) ?? 0);
    before.set(name, cell.n_anchor);
    return rule === null ? [] : [{
      code: "skew-fit-cell",
      severity: "error",
      path: tablePath(files.dir, tp, "skew_fit"),
      message: `v1.2 refuses the cell ${name}|n=${cell.n_anchor}: ${rule}`,
    }];
  });
}

function cellFault(
  cell: SkewCell,
  { axes, min_rows, alpha_clip, n_range_by_kernel }: Calibration,
  before: number,
): string | null {
  const [least = 0, most = 0] = n_range_by_kernel[kernelName(cell.layer, cell.decode_q_len)] ?? [];
  const [low = 0, high = 0] = alpha_clip;
  if (!axes.pc_labels.includes(cell.pc_label) || !axes.lev_labels.includes(cell.lev_label)) {
    return "the axes have no such label";
  }
  if (most === 0) return "the entry has no such kernel";
  if (cell.n_anchor < least || cell.n_anchor > most) return `n_anchor must be from ${least} to ${most}`;
  if (cell.n_anchor <= before) return "n_anchor must rise";
  if (cell.alpha < low || cell.alpha > high) return `alpha must be from ${low} to ${high}, got ${cell.alpha}`;
  if (cell.direct_rows < min_rows) return `direct_rows must be ${min_rows} at least, got ${cell.direct_rows}`;
  return cell.pooled_rows < cell.direct_rows ? "pooled_rows must not be below direct_rows" : null;
}
