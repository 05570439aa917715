//! Small models at memory speed: training, inference and the bot4-ml command.
