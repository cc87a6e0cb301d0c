// BullMQ as its documentation has it: a job a deletion, ten at a time.
//
// Worker:     node bullmq_peer.mjs
// Caller:     node bullmq_peer.mjs FILE     (enqueues the ids of the file once a line comes in)
import { readFileSync } from "node:fs";
import { once } from "node:events";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import pg from "pg";
import { QdrantClient } from "@qdrant/js-client-grpc";

const { PEER_REDIS, PEER_SQL, PEER_COLLECTION, PEER_HOST, PEER_PORT, PEER_KEY } = process.env;
const connection = new Redis(PEER_REDIS, { maxRetriesPerRequest: null });
const [file] = process.argv.slice(2);

if (file) {
  const ids = readFileSync(file, "utf8").split("\n").filter(Boolean);
  const queue = new Queue("peers", { connection });
  await queue.waitUntilReady();
  console.log("ready");
  await once(process.stdin, "data");
  for (let from = 0; from < ids.length; from += 64) {
    await Promise.all(ids.slice(from, from + 64).map((id) => queue.add("erase", { id }, { removeOnComplete: true })));
  }
  console.log("enqueued");
  process.exit(0);
}

const pool = new pg.Pool({ connectionString: PEER_SQL, max: 10 });
const vectors = PEER_COLLECTION
  ? new QdrantClient({
      host: PEER_HOST,
      port: Number(PEER_PORT),
      https: false,
      apiKey: PEER_KEY,
      checkCompatibility: false,
      compression: false,
    })
  : undefined;
const worker = new Worker(
  "peers",
  async ({ data: { id } }) => {
    if (vectors) {
      await vectors.api("points").delete({
        collectionName: PEER_COLLECTION,
        wait: true,
        points: { pointsSelectorOneOf: { case: "points", value: { ids: [{ pointIdOptions: { case: "uuid", value: id } }] } } },
      });
    }
    await pool.query("DELETE FROM agno_memories WHERE memory_id = $1", [id]);
  },
  { connection, concurrency: 10 },
);
worker.on("failed", (_, error) => console.error(error.message));
await worker.waitUntilReady();
console.log("ready");
