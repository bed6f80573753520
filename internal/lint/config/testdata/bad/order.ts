const client = new InventoryClient(url, grpc.credentials.createInsecure(), { 'grpc.keepalive_time_ms': 300000 });
const breaker = new CircuitBreaker(client.reserve, { timeout: 3000, volumeThreshold: 10 });
