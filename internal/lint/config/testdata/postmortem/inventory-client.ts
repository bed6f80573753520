export const inventoryClient = new InventoryClient(
  process.env.INVENTORY_SERVICE_URL,
  grpc.credentials.createInsecure(),
  {
    'grpc.max_concurrent_streams': 100,
    // No deadline configured
    // No keepalive configured
  }
);
