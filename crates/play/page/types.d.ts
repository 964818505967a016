// What page and engine say to each other, as crates/play/src/protocol writes it.

export interface Failure {
  message: string;
  where?: string;
}

/** The requests by name: what is asked with, and what is answered. */
export interface Requests {
  hello: [{}, Hello];
  expression: [{ source: string; values: Record<string, number> }, ExpressionAnswer];
  "network.begin": [Partial<Settings>, Begun];
  "network.train": [{ milliseconds: number; most_steps?: number; learning_rate?: number }, Frame];
  "network.sample": [{ index?: number; x?: number; y?: number; label?: number }, Sample];
  "network.neuron": [{ layer: number; neuron: number }, Neuron];
  digit: [{ pixels: string }, Digit];
}

/** How the page reaches the engine. */
export interface Transport {
  /** Where the engine runs, for the reader. */
  place: string;
  /** Sends a request and waits for its answer; fails with an `EngineError`. */
  call<Name extends keyof Requests>(name: Name, body: Requests[Name][0]): Promise<Requests[Name][1]>;
}

export interface Hello {
  version: string;
  sets: string[];
  features: string[];
  activations: string[];
  losses: string[];
  optimizers: [string, number][];
  inits: string[];
  limits: Limits;
  examples: Example[];
  settings: Settings;
  own?: Own;
}

export interface Limits {
  expression: number;
  nodes: number;
  points: number;
  layers: number;
  neurons: number;
  batch_size: number;
  steps: number;
  milliseconds: number;
  side: number;
}

export interface Example {
  name: string;
  source: string;
  values: Record<string, number>;
}

/** x, y and the label. */
export type Point = [number, number, number];

export interface Own {
  name: string;
  points: Point[];
  labels: [string, string];
  note?: string;
}

export interface ExpressionAnswer {
  gradient: Gradient;
  picture: Picture;
  layout: Layout;
  variables: string[];
}

/** What `chainrule grad --json` prints. */
export interface Gradient {
  value: number;
  gradients: Record<string, number>;
  nodes: {
    name: string;
    formula: string | null;
    value: number;
    gradient: number | null;
    inputs: { node: string; partial: number; contribution: number }[];
  }[];
}

export interface Picture {
  title: string;
  nodes: { name: string; formula: string | null; value: string; gradient: string | null }[];
  edges: { from: number; to: number; partial: string | null; contribution: string | null }[];
  steps: Step[];
  walks: { edges: number[]; words: string }[];
  work: { paths: string; by_path: string; by_sweep: number };
}

export type Step =
  | { kind: "value"; node: number; words: string }
  | { kind: "start"; node: number; words: string }
  | { kind: "edge"; edge: number; pile: string; words: string };

export interface Layout {
  width: number;
  height: number;
  nodes: [number, number][];
  widths: number[];
  edges: [number, number][][];
}

export interface Settings {
  set: string;
  points: Point[];
  samples: number;
  noise: number;
  test_share: number;
  features: string[];
  hidden: number[];
  activation: string;
  loss: string;
  optimizer: string;
  init: string;
  learning_rate: number;
  l2: number;
  batch_size: number;
  seed: number;
  side: number;
}

export interface Begun {
  points: { train: Point[]; test: Point[] };
  layers: number[];
  inputs: Maps;
  frame: Frame;
}

export interface Maps {
  maps: string[];
  scales: number[];
}

export interface Both {
  train: number | null;
  test: number | null;
}

export interface Frame {
  epoch: number;
  step: number;
  loss: Both;
  accuracy: Both;
  weights: number[][];
  biases: number[][];
  gradients: number[][];
  bias_gradients: number[][];
  updates: number[][];
  bias_updates: number[][];
  maps: Maps[];
  side: number;
  steps_done: number;
  milliseconds: number;
  steps_per_second: number;
  diverged?: string;
  findings: Finding[];
}

export interface Finding {
  kind: string;
  title: string;
  evidence: string;
  cure: string;
}

export interface Sample {
  point: Point;
  inputs: [string, number][];
  layers: SampleLayer[];
  loss: number;
  probability: number;
  loss_after_update: number;
  moves: Move[];
}

export interface SampleLayer {
  z: number[];
  a: number[];
  delta: number[];
  weight_gradients: number[];
  bias_gradients: number[];
}

export interface Move {
  direction: "forward" | "backward";
  layer: number;
  neuron: number;
  words: string;
}

export interface Neuron {
  words: string;
  equation: string;
  weights: [string, number][];
  bias: number;
}

export interface Digit {
  digit: number;
  probabilities: number[];
  pixels: number[];
  gradient: number[];
  gradients: number[][];
}

/** What is chosen in the diagram; layer 0 holds the features. */
export type Choice =
  | { kind: "neuron"; layer: number; neuron: number }
  | { kind: "edge"; layer: number; from: number; to: number };
