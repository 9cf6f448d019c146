const KEPT = 5;
const TTL_S = 24 * 3600;

/** The products a customer looked at last, newest first, in a Redis list that is forgotten after a day. */
export function recentlyViewed({ redis }) {
  const key = (user) => `shop:recent:${user.name}`;
  return {
    async viewed(user, sku) {
      if (!user) return;
      await redis
        .multi()
        .lrem(key(user), 0, sku)
        .lpush(key(user), sku)
        .ltrim(key(user), 0, KEPT - 1)
        .expire(key(user), TTL_S)
        .exec();
    },
    list: (user) => redis.lrange(key(user), 0, KEPT - 1),
  };
}
