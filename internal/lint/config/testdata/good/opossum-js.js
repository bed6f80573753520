'use strict';

const CircuitBreaker = require('opossum');

const breaker = new CircuitBreaker((items) => call(client, 'reserve', items), {
  timeout: 3000,
  errorThresholdPercentage: 50,
  resetTimeout: 30000,
  volumeThreshold: 10,
  errorFilter: (error) => error.code === 3,
});

module.exports = { breaker };
