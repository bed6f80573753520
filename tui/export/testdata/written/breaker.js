// order.inventory
export const options = {
  timeout: 2500,
};
