/** Classes of devices that a board may have, as the agent finds them. */
export const deviceClasses = ["gpio", "i2c", "iio", "pwm", "serial", "spi"] as const;
export type DeviceClass = (typeof deviceClasses)[number];

/** "iio:accel0", or the class alone. */
export const devicePattern = new RegExp(`^(?:${deviceClasses.join("|")})(?::[\\w.-]{1,63})?$`);
