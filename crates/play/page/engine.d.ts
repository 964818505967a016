/** The engine as WebAssembly, which the static build puts beside the page. */
declare module "*/engine.js" {
  export default function init(from: { module_or_path: URL }): Promise<unknown>;
  export class Playground {
    answer(request: string): string;
  }
}
