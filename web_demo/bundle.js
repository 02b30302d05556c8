// Opens a bundle over HTTP: the manifest first, then every file that is needed, compared with its size and digest.

const SCHEMA = 2;
const MOST_MANIFEST = 1 << 20;

async function get(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.arrayBuffer();
}

async function digestOf(buffer) {
  const digest = await crypto.subtle.digest("SHA-256", buffer);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export async function openBundle(base, roles) {
  const content = await get(`${base}/manifest.json`);
  if (content.byteLength > MOST_MANIFEST) throw new Error("manifest.json is too large for one");
  const manifest = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content));
  if (manifest.schema_version !== SCHEMA) {
    const newer = manifest.schema_version > SCHEMA ? "; this page is too old for it" : "";
    throw new Error(`the bundle is of the schema ${manifest.schema_version}, and ${SCHEMA} is read${newer}`);
  }
  if (manifest.format !== "onnx" || manifest.task !== "text-classification") {
    throw new Error(`the page answers with onnx models of text-classification; the bundle is ${manifest.format}, ${manifest.task}`);
  }
  const files = {};
  await Promise.all(roles.map(async (role) => {
    const entry = manifest.files.find((each) => each.role === role);
    if (!entry || !/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(entry.path)) throw new Error(`the bundle has no file with the role ${role}`);
    const buffer = await get(`${base}/${entry.path}`);
    if (buffer.byteLength !== entry.bytes || (await digestOf(buffer)) !== entry.sha256) {
      throw new Error(`${entry.path} is not the file that manifest.json lists: it was altered or cut short`);
    }
    files[role] = buffer;
  }));
  return { manifest, files, digest: await digestOf(content) };
}
