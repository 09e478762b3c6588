export default { test: { testTimeout: 30_000 } }; // machines that run several suites at once are slow
