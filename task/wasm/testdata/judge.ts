// A task whose score is what a judge model says of an answer: asc judge.ts -o judge.wasm -O3s --runtime stub --use abort=judge/stop
// --exportStart _initialize (AssemblyScript 0.28.20)

// @ts-ignore: decorator
@external("agora", "ask")
declare function ask(model: usize, modelSize: u32, request: usize, requestSize: u32): u64;

let room: StaticArray<u8> = new StaticArray<u8>(0);
let output: u8[] = [];

function stop(message: string | null, file: string | null, line: u32, column: u32): void {
  unreachable();
}

function push(s: string): void {
  for (let i = 0; i < s.length; i++) output.push(<u8>s.charCodeAt(i));
}

function field(s: string): void {
  for (let i = 0; i < 4; i++) output.push(<u8>(s.length >> (8 * i)));
  push(s);
}

function packed(): u64 {
  return ((<u64>output.dataStart) << 32) | (<u64>output.length);
}

export function agora_task_v1(): void {}

export function agora_alloc(n: u32): usize {
  room = new StaticArray<u8>(n);
  return changetype<usize>(room);
}

export function agora_describe(): u64 {
  output = [];
  push('{"name":"judged"}');
  return packed();
}

export function agora_item(seed: usize, index: u64): u64 {
  output = [];
  field("/v1/chat/completions");
  field('{"model":"task","messages":[{"role":"user","content":"Be kind."}]}');
  field("");
  return packed();
}

// The judge is the model whose digest is 32 times the byte 7; it is asked about the whole answer, as often as the answer begins with "!".
export function agora_score(key: usize, keySize: u32, answer: usize, answerSize: u32): u64 {
  const model = new StaticArray<u8>(32);
  for (let i = 0; i < 32; i++) model[i] = 7;
  let times: u32 = 1;
  while (times < answerSize && load<u8>(answer + times - 1) == 33) times++;
  let reply: u64 = 0;
  for (let i: u32 = 0; i < times; i++) reply = ask(changetype<usize>(model), 32, answer, answerSize);
  const yes = <u32>reply == 3 && load<u8>(<usize>(reply >> 32)) == 121;
  output = [];
  const bits = reinterpret<u64>(yes ? 1.0 : 0.0);
  for (let i = 0; i < 8; i++) output.push(<u8>(bits >> (8 * i)));
  push(yes ? "the judge says yes" : "the judge does not say yes");
  return packed();
}
