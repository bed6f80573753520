import CircuitBreaker from 'opossum';

const breaker = new CircuitBreaker(inventoryClient.reserve, {
  timeout: 5000, // 5s per call
  errorThresholdPercentage: 50,
  resetTimeout: 30000, // try again after 30s
});
const reservation = await breaker.fire(validated.items);
