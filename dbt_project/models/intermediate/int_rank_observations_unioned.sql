{{ dota2_rank_observations() }}
