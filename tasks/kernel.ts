/**
 * Makes Deno known to Jupyter as the kernel `deno`.
 *
 * @module
 */

/**
 * Writes the kernel's description where an environment's Jupyter looks for it.
 *
 * @param environment The environment's folder.
 * @param deno The program of the kernel; not one of npx, whose processes outlive an end by force.
 */
export async function writeKernel(environment: string, deno: string = Deno.execPath()): Promise<void> {
  const dir = `${environment}/share/jupyter/kernels/deno`;
  await Deno.mkdir(dir, { recursive: true });
  const description = {
    argv: [deno, "jupyter", "--kernel", "--conn", "{connection_file}"],
    display_name: "Deno",
    language: "typescript",
    // Without it texts are full of escape codes.
    env: { NO_COLOR: "1" },
  };
  await Deno.writeTextFile(`${dir}/kernel.json`, `${JSON.stringify(description, null, 2)}\n`);
}
