// Questions to the server, and its answers.

/** What the server answers to a GET, or to a question that is posted; an Error says what went wrong. */
export async function ask(path, question) {
  let response;
  try {
    response = await fetch(
      path,
      question && {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(question),
      },
    );
  } catch {
    throw new Error("No answer: is python examples/draw.py still running?");
  }
  if (!response.ok) throw new Error((await response.json()).error);
  return unpack(await response.arrayBuffer());
}

/** An answer (as_bytes in look.py); an array in it becomes {shape, values}. */
function unpack(buffer) {
  const kinds = { Uint8Array, Float32Array };
  const after = 4 + new DataView(buffer).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(buffer, 4, after - 4));
  return JSON.parse(text, (key, value) => {
    if (!value?.array) return value;
    const { array, shape, start } = value;
    const size = shape.reduce((a, b) => a * b, 1);
    return { shape, values: new kinds[array](buffer, after + start, size) };
  });
}
