const CircuitBreaker = require('opossum');

const options = { timeout: 5000, volumeThreshold: 10, resetTimeout: RESET };

const inventory = new CircuitBreaker((items) => client.reserve(items), options);
const payment = new CircuitBreaker((intent) => client.pay(intent), options);
const stock = new CircuitBreaker(check);
