import * as grpc from '@grpc/grpc-js';

export const inventoryClient = new InventoryClient(
  process.env.INVENTORY_SERVICE_URL,
  grpc.credentials.createSsl(),
  { 'grpc.keepalive_time_ms': 300_000, 'grpc.keepalive_timeout_ms': 5000 },
);

export const reserve = (request: Request) =>
  promisify(inventoryClient.reserve.bind(inventoryClient))(request, { deadline: Date.now() + 5000 });
