//! Judges traces. The room reads events and nothing else: it knows neither engine state nor world nor driver.
