export default { basePath: "/notes" };
