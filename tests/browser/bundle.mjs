// The web bundle of the stock SDK as one module, as a bundler or a CDN makes it: `node bundle.mjs
// <sdk's package> <file to write>`.
import { build } from "esbuild";

const [sdk, outfile] = process.argv.slice(2);
await build({
  entryPoints: [`${sdk}/dist/web/index.mjs`],
  bundle: true,
  format: "esm",
  platform: "browser",
  outfile,
  logLevel: "error",
});
