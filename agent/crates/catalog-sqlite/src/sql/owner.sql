SELECT journal, generation FROM shopmaster_Owner
